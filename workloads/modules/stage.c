/*
 * stage: nothing but the words that the modules of loader-rules go by.
 */
#include <workloads/modules/stage.h>

struct stage stage = {.mutex = PTHREAD_MUTEX_INITIALIZER};
