/* plug_unwind: notes in its constructor who has called it. */
#include <execinfo.h>

extern void *unwind_frames[64];
extern int unwind_count;

__attribute__((constructor)) static void look_back(void)
{
    unwind_count = backtrace(unwind_frames, 64);
}
