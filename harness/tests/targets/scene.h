/*
 * scene.h: what the target programs of the agent's tests share: a scene is chosen by the first
 * argument, tells what it knows as lines "name=number", and returns the exit status: 0 where
 * everything was as it should be. A scene must also pass without the agent.
 *
 * Nothing here allocates or takes a lock: the scenes' own calls are counted one by one.
 */
#ifndef TESTS_TARGETS_SCENE_H
#define TESTS_TARGETS_SCENE_H

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Beside noinline: the function stays one place in the code, whatever calls it. */
#ifdef __clang__
#define ONE_COPY optnone
#else
#define ONE_COPY noclone
#endif

struct scene {
    const char *name;
    int (*play)(void);
};

/** say() - "name=number" on standard output, in one write. */
static inline void say(const char *name, unsigned long long number)
{
    char line[128];
    int length = snprintf(line, sizeof line, "%s=%llu\n", name, number);

    if (write(STDOUT_FILENO, line, (size_t)length) != length)
        _exit(99);
}

static inline int scene_failed(const char *text, int line)
{
    char said[256];
    int length = snprintf(said, sizeof said, "line %d: not so: %s (errno %d)\n", line, text, errno);

    return write(STDOUT_FILENO, said, (size_t)length) == length ? 1 : 99;
}

/** NEED() - leaves the scene as failed, and says where, unless @condition holds. */
#define NEED(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return scene_failed(#condition, __LINE__);                                             \
    } while (0)

/** scene_play() - for main(); 98: no such scene. @scenes ends in a name of NULL. */
static inline int scene_play(const struct scene *scenes, int argc, char **argv)
{
    for (; argc > 1 && scenes->name != NULL; scenes++)
        if (strcmp(scenes->name, argv[1]) == 0)
            return scenes->play();
    return 98;
}

#endif
