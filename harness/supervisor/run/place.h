/* place.h: where our own files lie, in the build tree and in the installed one alike. */
#ifndef SUPERVISOR_PLACE_H
#define SUPERVISOR_PLACE_H

#include "job.h"

/** run_place() - finds the folder beside the program's own. */
void run_place(struct place *place);

#endif
