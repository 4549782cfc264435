/*
 * board: publishes a plain structure, so that nobody has to have a thread in here. It answers as
 * the module worker's thread does.
 * Source: catalogue row C4; TT (no worker at all: the process is read from outside).
 */
#include <workloads/modules/board.h>
#include <workloads/modules/worker.h>

#include <stdatomic.h>

static struct board board;

void board_write(uint64_t question)
{
    __atomic_add_fetch(&board.before, 1, __ATOMIC_SEQ_CST);
    board.question = question;
    board.answer = worker_answer(question);
    __atomic_add_fetch(&board.after, 1, __ATOMIC_SEQ_CST);
}

const struct board *board_where(void)
{
    return &board;
}
