/*
 * schema.h: the tables of a run, their version, and whether a file has them.
 *
 * History of PRAGMA user_version
 *   1  first version.
 *   2  table replayed: how often a finding's line brought it back.
 */
#ifndef RESULTS_STORE_SCHEMA_H
#define RESULTS_STORE_SCHEMA_H

#include <harness/error.h>

struct store;

/** schema_create() - writes all tables, the version and our mark in one transaction. */
int schema_create(struct store *store, struct error *e);

/**
 * schema_check() - refuses what is not a sound run of ours.
 *
 * Returns 0, ERROR_CORRUPT (no database, damaged, not ours, without our tables),
 * ERROR_VERSION (not STORE_SCHEMA) or another code of the system's. Reads every page.
 */
int schema_check(struct store *store, struct error *e);

#endif
