/*
 * marks.h: what a program under stress may tell the agent. The installed header says it all;
 * programs of our own take the same.
 */
#ifndef HARNESS_MARKS_H
#define HARNESS_MARKS_H

#include <rundown/marks.h>

#endif
