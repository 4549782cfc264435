/*
 * outside-reader: a module that has no worker at all. What a worker would have told is on a board
 * in the module's memory, and another process reads it there by process_vm_readv.
 *
 * So nothing of the module's has to be stopped, waited for or killed when it goes. Each answer
 * that was read from outside is held against that of a module that does have a worker.
 * Source: catalogue row C4; TT (do without the thread, and read the process from outside).
 */
#include <harness/workload.h>
#include <workloads/modules/board.h>
#include <workloads/modules/worker.h>
#include <workloads/plug.h>

#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>

enum { READS };

static const struct workload_parameter parameters[] = {
    [READS] = {"reads", "answers that are read from outside per lap", 4, 1, 1000000},
    {.name = NULL},
};

static const struct workload_variant variants[] = {
    {.name = "read",
     .summary = "read from outside, and equal to the worker's answers",
     .tolerates = "thread-kill thread-suspend thread-cancel main-kill main-pthread_exit "
                  "exit-nt-order module-unload module-reload"},
    {.name = NULL},
};

/** struct reader - the process outside. @ask: it gets an address. @tell: it sends a board. */
struct reader {
    pid_t pid;
    int ask[2];
    int tell[2];
};

static struct {
    struct plug board;
    struct plug worker;
} module;

/* --- outside ---------------------------------------------------------------------------------- */

static bool read_board(pid_t pid, const struct board *where, struct board *out)
{
    struct iovec here = {out, sizeof *out};
    struct iovec there = {(void *)where, sizeof *where};

    return process_vm_readv(pid, &here, 1, &there, 1, 0) == sizeof *out;
}

/* The other process: no memory of its own is asked for, and no lock. */
static void serve(const struct reader *reader, pid_t pid)
{
    const struct board *where;

    while (read(reader->ask[0], &where, sizeof where) == sizeof where) {
        struct board seen = {0};

        if (!read_board(pid, where, &seen))
            seen.before = UINT64_MAX;
        if (write(reader->tell[1], &seen, sizeof seen) != sizeof seen)
            break;
    }
    _exit(0);
}

/* --- inside ----------------------------------------------------------------------------------- */

static void close_pipe(int ends[2])
{
    close(ends[0]);
    close(ends[1]);
}

static bool open_pipes(struct reader *reader)
{
    if (pipe(reader->ask) != 0)
        return false;
    if (pipe(reader->tell) == 0)
        return true;
    close_pipe(reader->ask);
    return false;
}

static bool start_reader(struct reader *reader)
{
    pid_t pid = getpid();

    if (!open_pipes(reader))
        return false;
    reader->pid = fork();
    if (reader->pid == 0) {
        close(reader->ask[1]);
        close(reader->tell[0]);
        serve(reader, pid);
    }
    if (reader->pid < 0) {
        close_pipe(reader->ask);
        close_pipe(reader->tell);
        return false;
    }
    close(reader->ask[0]);
    close(reader->tell[1]);
    prctl(PR_SET_PTRACER, reader->pid, 0, 0, 0); /* where only descendants may be read */
    return true;
}

static void end_reader(struct reader *reader)
{
    close(reader->ask[1]);
    close(reader->tell[0]);
    while (waitpid(reader->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

static bool ask_reader(const struct reader *reader, const struct board *where, struct board *seen)
{
    return write(reader->ask[1], &where, sizeof where) == sizeof where &&
           read(reader->tell[0], seen, sizeof *seen) == sizeof *seen;
}

/* --- both answers ----------------------------------------------------------------------------- */

struct inside {
    void (*write)(uint64_t);
    const struct board *board;
    uint64_t (*use)(uint64_t);
};

static void compare(const struct inside *inside, const struct reader *reader, uint64_t question)
{
    struct board seen;

    inside->write(question);
    if (!ask_reader(reader, inside->board, &seen))
        workload_broken("outside-reader: the reader is gone");
    else if (seen.before == UINT64_MAX)
        workload_broken("outside-reader: the process could not be read");
    else if (seen.before != seen.after || seen.question != question ||
             seen.answer != inside->use(question))
        workload_broken("outside-reader: %#llx was read for %#llx", (unsigned long long)seen.answer,
                        (unsigned long long)question);
}

static bool find_inside(void *board, void *worker, struct inside *inside)
{
    const struct board *(*where)(void) =
        (const struct board *(*)(void))plug_symbol(board, "board_where");

    inside->write = (void (*)(uint64_t))plug_symbol(board, "board_write");
    inside->use = (uint64_t(*)(uint64_t))plug_symbol(worker, "worker_use");
    if (where == NULL || inside->write == NULL || inside->use == NULL)
        return false;
    inside->board = where();
    return true;
}

static void read_all(const struct inside *inside, const struct workload_context *context,
                     uint64_t *state)
{
    struct reader reader;

    if (!start_reader(&reader))
        return;
    for (int64_t i = 0; i < context->value[READS]; i++)
        compare(inside, &reader, workload_random(state));
    end_reader(&reader);
}

/* The reader is made while the worker lives, and needs nothing that the worker may hold. */
static void use(void *board, void *worker, const struct workload_context *context, uint64_t *state)
{
    int (*start)(void) = (int (*)(void))plug_symbol(worker, "worker_start");
    void (*stop)(void) = (void (*)(void))plug_symbol(worker, "worker_stop");
    struct inside inside;

    if (start == NULL || stop == NULL || !find_inside(board, worker, &inside) || start() != 0)
        return;
    read_all(&inside, context, state);
    stop();
}

/* A process that may not read its own memory this way may not read anybody's. */
static const char *unavailable(void)
{
    struct board from = {1, 2, 3, 1};
    struct board to = {0};

    return read_board(getpid(), &from, &to) ? NULL : "process_vm_readv is refused";
}

static int setup(struct workload_context *context)
{
    int error = plug_find(&module.board, context, "board.so");

    return error != 0 ? error : plug_find(&module.worker, context, "worker.so");
}

static void body(struct workload_context *context, uint32_t lap)
{
    uint64_t state = workload_stream(context, lap);
    void *board = plug_open(&module.board, RTLD_LOCAL);
    void *worker = board != NULL ? plug_open(&module.worker, RTLD_LOCAL) : NULL;

    if (worker != NULL)
        use(board, worker, context, &state);
    plug_close(worker);
    plug_close(board);
}

const struct workload workload_outside_reader = {
    .name = "outside-reader",
    .summary = "a module without a worker is read by another process",
    .source = "C4",
    .parameters = parameters,
    .variants = variants,
    .modules = true,
    .setup = setup,
    .body = body,
    .unavailable = unavailable,
};
