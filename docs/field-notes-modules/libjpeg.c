/* libjpeg: makes a compressor and destroys it. */
#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>

#include <jpeglib.h>

void use(void *module);

void use(void *module)
{
    struct jpeg_error_mgr *(*errors)(struct jpeg_error_mgr *) = dlsym(module, "jpeg_std_error");
    void (*make)(j_compress_ptr, int, size_t) = dlsym(module, "jpeg_CreateCompress");
    void (*destroy)(j_compress_ptr) = dlsym(module, "jpeg_destroy_compress");
    struct jpeg_compress_struct state;
    struct jpeg_error_mgr error;

    state.err = errors(&error);
    make(&state, JPEG_LIB_VERSION, sizeof state);
    destroy(&state);
}
