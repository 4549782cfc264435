/*
 * board.h: a module without any thread: it writes what others may want to know on a board, in
 * memory that an outsider can read.
 */
#ifndef WORKLOADS_MODULES_BOARD_H
#define WORKLOADS_MODULES_BOARD_H

#include <stdint.h>

#define BOARD_EXPORT __attribute__((visibility("default")))

/**
 * struct board - plain words. @before and @after count the changes: who reads @after first and
 * @before last, and finds them equal, has read all of one change.
 */
struct board {
    uint64_t before;
    uint64_t question;
    uint64_t answer;
    uint64_t after;
};

/** board_write() - puts @question and its answer on the board. */
BOARD_EXPORT void board_write(uint64_t question);

/** board_where() - the board; it is there as long as the module is. */
BOARD_EXPORT const struct board *board_where(void);

#endif
