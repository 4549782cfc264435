/*
 * modules.h: what the test modules share. Each is one way to behave, well or badly, when it is
 * loaded, used and unloaded; test_module.c says which is to be found and which is not.
 */
#ifndef TESTS_MODULES_H
#define TESTS_MODULES_H

#define MODULE_EXPORT __attribute__((visibility("default")))

#endif
