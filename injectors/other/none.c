/*
 * none: the control cell. Nothing is struck.
 *
 * What is found here needs no help from us, and what another cell finds beyond it was
 * brought about by its injector. It has no sites and no act; the agent never calls it.
 */
#include <harness/injector.h>

const struct injector injector_none = {
    .name = "none",
    .summary = "nothing goes wrong: the control that all others are compared with",
    .control = true,
};
