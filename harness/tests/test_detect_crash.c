/*
 * Tests of the detector crash: who died of what, and what the address had belonged to.
 */
#include "evidence_damage.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#include <CUnit/Basic.h>

extern const struct detector detector_crash;

static struct fixture f;
static struct judgement judgement;

static void caught(int signal, int code, uint64_t rip, uint64_t address, unsigned lane)
{
    struct abi_crash *crash = &f.memory->control.crash;

    crash->signal = (uint32_t)signal;
    crash->code = code;
    crash->address = address;
    crash->tid = FIXTURE_PID + lane;
    crash->lane = lane;
    crash->time = f.now + 3000;
    crash->regs[16] = rip;
    crash->epoch = FIXTURE_EPOCH;
    f.memory->control.anomaly |= ANOMALY_SIGNAL;
    f.evidence.ended = false;
}

static void frame(const char *module, const char *function, const char *file, int line)
{
    struct evidence_frame *at = &f.evidence.crash_frame[f.evidence.crash_frames++];

    memset(at, 0, sizeof *at);
    strcpy(at->module, module);
    strcpy(at->function, function);
    strcpy(at->file, file);
    at->line = line;
    at->offset = 0x1139;
}

static void open_two(void)
{
    fixture_open(&f);
    fixture_lane(&f, "T1");
    fixture_lane(&f, "T1.1");
}

static const struct finding *judge(enum stop_code code)
{
    fixture_judge(&f, &detector_crash, &judgement);
    CU_ASSERT_EQUAL(judgement.findings, code != STOP_NONE);
    return fixture_found(&judgement, code);
}

static void test_segv_with_a_stack(void)
{
    const struct finding *finding;

    open_two();
    caught(SIGSEGV, SEGV_MAPERR, 0x401020, 0x18, 1);
    frame("libc.so.6", "strlen", "", 0);
    frame("prog", "worker", "prog.c", 21);
    finding = judge(STOP_CRASH_SIGNAL);
    CU_ASSERT(fixture_says(finding, "T1.1       died of SIGSEGV at 0x18, nothing is mapped there"));
    CU_ASSERT(fixture_says(finding, "at strlen  libc.so.6+0x1139"));
    CU_ASSERT(fixture_says(finding, "in worker  prog  prog.c:21"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "crash.signal prog:worker -");
    fixture_close(&f);
}

static void test_without_a_stack_the_instruction(void)
{
    const struct finding *finding;

    open_two();
    caught(SIGFPE, FPE_INTDIV, AT_UPDATE, AT_UPDATE, 77);
    finding = judge(STOP_CRASH_SIGNAL);
    CU_ASSERT(fixture_says(finding, "thread 4077 died of SIGFPE"));
    CU_ASSERT(fixture_says(finding, "at update  prog  prog.c:30"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "crash.signal prog:update -");
    fixture_close(&f);
}

static void test_status_alone(void)
{
    const struct finding *finding;

    open_two();
    f.evidence.status = SIGKILL;
    finding = judge(STOP_CRASH_SIGNAL);
    CU_ASSERT(fixture_says(finding, "the process died of SIGKILL"));
    fixture_close(&f);
}

static void test_code_of_an_unloaded_module(void)
{
    const struct finding *finding;
    struct abi_module *module;

    open_two();
    module = fixture_module(&f, "/opt/lib/libplug.so", 0x7000000, 0x7004000, 0, 0);
    module->unload_caller = AT_MAIN;
    caught(SIGSEGV, SEGV_MAPERR, 0x7001139, 0x7001139, 1);
    finding = judge(STOP_MODULE_CODE_UNMAPPED);
    CU_ASSERT(fixture_says(finding, "libplug.so+0x1139, unloaded 3 ms ago by T1 (main)"));
    CU_ASSERT(fixture_says(finding, "in the code of"));
    CU_ASSERT(fixture_says(finding, "the dlclose was called in main  prog  prog.c:10"));
    CU_ASSERT_STRING_EQUAL(finding->signature, "module.code-unmapped libplug.so:? prog:main");
    fixture_close(&f);
}

/* libplug.so is gone, and T1.1 was at the beginning of a function of it. */
static void called_in_the_void(void)
{
    open_two();
    fixture_module(&f, "/opt/lib/libplug.so", 0x7000000, 0x7004000, 0, 0)->unload_caller = AT_MAIN;
    caught(SIGSEGV, SEGV_MAPERR, 0x7001139, 0x7001139, 1);
    frame("libplug.so", "drop", "plug.c", 5);
}

static void expect_callback(const char *words)
{
    const struct finding *finding = judge(STOP_MODULE_CALLBACK_UNMAPPED);

    CU_ASSERT(fixture_says(finding, words));
    CU_ASSERT(fixture_says(finding, "libplug.so was unloaded 3 ms ago by T1 (main), in main"));
    CU_ASSERT_EQUAL(finding->severity, STOP_SEVERITY_FINDING);
    CU_ASSERT_STRING_EQUAL(finding->signature,
                           "module.callback-unmapped libplug.so:drop prog:main");
    fixture_close(&f);
}

static void test_callback_on_record(void)
{
    called_in_the_void();
    fixture_tie(&f, TIE_KEY, TIE_LEFT, 1, 0x7001139, AT_WORKER);
    f.memory->control.crash.time = f.memory->module[0].unloaded_at + 3000;
    CU_ASSERT(fixture_says(judge(STOP_MODULE_CALLBACK_UNMAPPED),
                           "put on record by T1.1, in worker  prog  prog.c:20"));
    expect_callback("called the destructor of a thread-specific key, which is gone: ");
}

/* The other thread is still inside dlclose. */
static void test_callback_still_on_record(void)
{
    called_in_the_void();
    fixture_tie(&f, TIE_EXIT, TIE_LIVE, 1, 0x7001139, AT_WORKER);
    f.memory->control.crash.time = f.memory->module[0].unloaded_at + 3000;
    expect_callback("called an exit handler, which is gone: ");
}

static void test_callback_of_the_kernel(void)
{
    called_in_the_void();
    f.memory->control.crash.handler_of = SIGUSR2;
    expect_callback("called the handler of SIGUSR2, which is gone: ");
}

static void test_callback_start_routine(void)
{
    called_in_the_void();
    f.memory->lane[1].start = 0x7001139;
    f.memory->lane[0].site = SITE_THREAD_CREATE;
    fixture_event(&f, 0, EVENT_CALL, 1, 0x7001139, 0, AT_MAIN);
    f.memory->control.crash.time = f.memory->module[0].unloaded_at + 3000;
    CU_ASSERT(fixture_says(judge(STOP_MODULE_CALLBACK_UNMAPPED),
                           "put on record by T1 (main), in main  prog  prog.c:10"));
    expect_callback("called the start routine of a thread, which is gone: ");
}

static void test_callback_by_the_stack(void)
{
    static const struct {
        const char *function;
        const char *words;
    } stacks[] = {
        {"__nptl_deallocate_tsd",
         "called the destructor of a thread-specific key, which is gone: "},
        {"__call_tls_dtors", "called the destructor of a thread_local object, which is gone: "},
        {"__run_exit_handlers", "called an exit handler, which is gone: "},
        {"__restore_rt", "called a signal handler, which is gone: "},
        {"timer_sigev_thread", "called the function of a timer, which is gone: "},
    };

    for (unsigned i = 0; i < sizeof stacks / sizeof stacks[0]; i++) {
        called_in_the_void();
        frame("libc.so.6", stacks[i].function, "", 0);
        expect_callback(stacks[i].words);
    }
}

/* By pthread_exit, or cancelled; called, or come to by the long jump of the unwinder. */
static void test_callback_of_a_thread_that_ends(void)
{
    called_in_the_void();
    f.memory->lane[1].site = SITE_THREAD_EXIT;
    fixture_event(&f, 1, EVENT_CALL, 0, 0, 0, AT_WORKER);
    f.memory->control.crash.time = f.memory->module[0].unloaded_at + 3000;
    expect_callback("called a cleanup handler of a thread that was ending, which is gone: ");
    called_in_the_void();
    f.memory->lane[1].pthread = 0x7f0000001000;
    f.memory->lane[0].site = SITE_CANCEL;
    fixture_event(&f, 0, EVENT_CALL, 0, 0x7f0000001000, 0, AT_MAIN);
    f.evidence.crash_frame[0].function_offset = 0x40;
    f.memory->control.crash.regs[0] = 1;
    f.memory->control.crash.time = f.memory->module[0].unloaded_at + 3000;
    expect_callback("called a cleanup handler of a thread that was ending, which is gone: ");
    called_in_the_void();
    f.memory->lane[1].state = LANE_ENDED;
    expect_callback("called a destructor that runs at a thread's end, which is gone: ");
}

/* It was in there, and came back; or a plain call, of which nobody knows why. */
static void test_twin_no_callback(void)
{
    called_in_the_void();
    f.evidence.crash_frame[0].function_offset = 0x40;
    fixture_tie(&f, TIE_KEY, TIE_LEFT, 1, 0x7001100, AT_WORKER);
    fixture_tie(&f, TIE_THREAD, TIE_LEFT, 1, 0x7001139, AT_WORKER);
    CU_ASSERT(fixture_says(judge(STOP_MODULE_CODE_UNMAPPED), "its stack led back there"));
    fixture_close(&f);
    called_in_the_void();
    CU_ASSERT_PTR_NOT_NULL(judge(STOP_MODULE_CODE_UNMAPPED));
    fixture_close(&f);
}

/* The detector callback tells of that one. */
static void test_twin_uncaught_timer(void)
{
    open_two();
    fixture_module(&f, "/opt/lib/libplug.so", 0x7000000, 0x7004000, 0, 0);
    f.evidence.status = SIGSEGV;
    CU_ASSERT_PTR_NOT_NULL(judge(STOP_CRASH_SIGNAL));
    fixture_tie(&f, TIE_TIMER, TIE_LEFT, 0, 0x7001139, AT_WORKER);
    judge(STOP_NONE);
    fixture_close(&f);
}

static void test_supervisor_names_the_module(void)
{
    const struct finding *finding;

    open_two();
    caught(SIGSEGV, SEGV_MAPERR, 0x7001139, 0x7001139, 1);
    frame("libplug.so", "plug_worker", "", 0);
    f.evidence.unloaded = (struct abi_module){
        .epoch = FIXTURE_EPOCH, .base = 0x7000000, .end = 0x7004000, .path = "/opt/lib/libplug.so"};
    finding = judge(STOP_MODULE_CODE_UNMAPPED);
    CU_ASSERT_STRING_EQUAL(finding->signature, "module.code-unmapped libplug.so:plug_worker -");
    fixture_close(&f);
}

static void test_data_of_an_unloaded_module(void)
{
    const struct finding *finding;

    open_two();
    fixture_module(&f, "/opt/lib/libplug.so", 0x7000000, 0x7004000, 0, 0);
    caught(SIGSEGV, SEGV_MAPERR, AT_WORKER, 0x7003010, 1);
    finding = judge(STOP_MODULE_CODE_UNMAPPED);
    CU_ASSERT(fixture_says(finding, "on the data of libplug.so+0x3010"));
    fixture_close(&f);
}

/* Its own code on its own data: the function is known from further out. */
static void test_frame_of_the_module_signs(void)
{
    const struct finding *finding;

    open_two();
    fixture_module(&f, "/opt/lib/libplug.so", 0x7000000, 0x7004000, 0, 0);
    caught(SIGSEGV, SEGV_MAPERR, AT_WORKER, 0x7003010, 1);
    frame("libc.so.6", "pthread_mutex_lock", "", 0);
    frame("libplug.so", "plug_use", "plug.c", 12);
    frame("prog", "worker", "prog.c", 20);
    frame("libc.so.6", "start_thread", "", 0);
    frame("libc.so.6", "clone3", "", 0);
    finding = judge(STOP_MODULE_CODE_UNMAPPED);
    CU_ASSERT_STRING_EQUAL(finding->signature, "module.code-unmapped libplug.so:plug_use -");
    CU_ASSERT(fixture_says(finding, "in worker  prog"));
    CU_ASSERT_PTR_NULL(strstr(finding->line[finding->lines - 1], "clone3"));
    fixture_close(&f);
}

static void test_allocator_by_its_words(void)
{
    const struct finding *finding;

    open_two();
    f.evidence.output = "start\ndouble free or corruption (!prev)\n";
    f.evidence.status = SIGABRT;
    finding = judge(STOP_HEAP_ALLOCATOR_ABORT);
    CU_ASSERT(fixture_says(finding, "its last words: double free or corruption (!prev)"));
    fixture_close(&f);
}

static void test_allocator_by_its_stack_and_site(void)
{
    open_two();
    caught(SIGABRT, SI_TKILL, 0x1, 0, 1);
    frame("libc.so.6", "abort", "", 0);
    frame("libc.so.6", "malloc_printerr", "", 0);
    frame("libc.so.6", "_int_free", "", 0);
    frame("prog", "worker", "prog.c", 21);
    CU_ASSERT_STRING_EQUAL(judge(STOP_HEAP_ALLOCATOR_ABORT)->signature,
                           "heap.allocator-abort prog:worker -");
    fixture_close(&f);

    open_two();
    fixture_call(&f, 1, SITE_FREE, AT_WORKER);
    caught(SIGABRT, SI_TKILL, 0x1, 0, 1);
    CU_ASSERT_PTR_NOT_NULL(judge(STOP_HEAP_ALLOCATOR_ABORT));
    fixture_close(&f);
}

static void test_twin_assertion(void)
{
    open_two();
    f.evidence.output = "prog: data corrupted, aborting after free(): x\n";
    caught(SIGABRT, SI_TKILL, 0x1, 0, 1);
    frame("libc.so.6", "abort", "", 0);
    frame("prog", "check", "prog.c", 90);
    CU_ASSERT_PTR_NOT_NULL(judge(STOP_CRASH_SIGNAL));
    fixture_close(&f);
}

static void test_twin_ordered(void)
{
    open_two();
    f.evidence.effect_signal = SIGABRT;
    caught(SIGABRT, SI_TKILL, 0x1, 0, 1);
    judge(STOP_NONE);
    fixture_close(&f);
    open_two();
    f.evidence.effect_signal = f.evidence.status = SIGKILL;
    judge(STOP_NONE);
    fixture_close(&f);
}

static void test_another_signal_than_the_ordered_one(void)
{
    open_two();
    f.evidence.effect_signal = SIGTERM;
    caught(SIGSEGV, SEGV_MAPERR, AT_MAIN, 0, 0);
    CU_ASSERT_PTR_NOT_NULL(judge(STOP_CRASH_SIGNAL));
    fixture_close(&f);
}

static void test_twin_ended_well(void)
{
    open_two();
    judge(STOP_NONE);
    f.memory->control.crash.signal = SIGSEGV; /* of an earlier cycle */
    f.memory->control.crash.epoch = FIXTURE_EPOCH - 1;
    judge(STOP_NONE);
    fixture_close(&f);
}

static void test_twin_we_end_a_hung_one(void)
{
    open_two();
    fixture_hang(&f, HANG_PROVED);
    f.evidence.ended = true;
    f.evidence.status = SIGKILL;
    judge(STOP_NONE);
    fixture_close(&f);
}

static void test_twin_place_taken_by_another_module(void)
{
    open_two();
    fixture_module(&f, "/opt/lib/libplug.so", 0x7000000, 0x7004000, 0, 0);
    fixture_module(&f, "/opt/lib/libnext.so", 0x7000000, 0x7004000, 0, -1);
    caught(SIGSEGV, SEGV_MAPERR, 0x7001139, 0x18, 1);
    CU_ASSERT_PTR_NOT_NULL(judge(STOP_CRASH_SIGNAL));
    fixture_close(&f);
}

static void test_damage(void)
{
    open_two();
    fixture_thread(&f, 1, THREAD_RUNNING, -1);
    fixture_module(&f, "/opt/lib/libplug.so", 0x7000000, 0x7004000, 0, 0);
    caught(SIGSEGV, SEGV_MAPERR, 0x7001139, 0x7001139, 1);
    frame("libplug.so", "plug_worker", "", 0);
    fixture_damage(&f, &detector_crash, 0xc4a5);
    fixture_close(&f);
}

int main(void)
{
    static const struct fixture_case cases[] = {
        {"a stack", test_segv_with_a_stack},
        {"no stack", test_without_a_stack_the_instruction},
        {"the status alone", test_status_alone},
        {"code of an unloaded module", test_code_of_an_unloaded_module},
        {"a callback on record", test_callback_on_record},
        {"a callback, dlclose is not back", test_callback_still_on_record},
        {"a signal handler, by the kernel's word", test_callback_of_the_kernel},
        {"the start routine of a thread", test_callback_start_routine},
        {"a callback, by the stack", test_callback_by_the_stack},
        {"a callback of a thread that ends", test_callback_of_a_thread_that_ends},
        {"twin: no callback", test_twin_no_callback},
        {"twin: the uncaught call of a timer", test_twin_uncaught_timer},
        {"named by the supervisor", test_supervisor_names_the_module},
        {"data of an unloaded module", test_data_of_an_unloaded_module},
        {"a frame of the module", test_frame_of_the_module_signs},
        {"the allocator's words", test_allocator_by_its_words},
        {"the allocator's stack and site", test_allocator_by_its_stack_and_site},
        {"not the ordered signal", test_another_signal_than_the_ordered_one},
        {"twin: an assertion", test_twin_assertion},
        {"twin: ordered", test_twin_ordered},
        {"twin: ended well", test_twin_ended_well},
        {"twin: ended by us", test_twin_we_end_a_hung_one},
        {"twin: another module there", test_twin_place_taken_by_another_module},
        {"damaged memory", test_damage},
        {NULL, NULL},
    };

    return fixture_main("detector crash", cases);
}
