/*
 * waits_edges.h: the edges of the graph of waits. For waits.c alone.
 */
#ifndef SUPERVISOR_WAITS_EDGES_H
#define SUPERVISOR_WAITS_EDGES_H

#include "waits.h"

/**
 * waits_edges_link() - find who could let @node go on, and note it in @waits->owner.
 *
 * All nodes must have been read, their @inside too. Bounded, whatever the memory holds.
 */
void waits_edges_link(struct waits *waits, unsigned node);

#endif
