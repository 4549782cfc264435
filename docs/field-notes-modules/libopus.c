/* libopus: makes an encoder, codes 20 ms of silence, destroys it. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

void use(void *module);

void use(void *module)
{
    void *(*make)(int32_t, int, int, int *) = dlsym(module, "opus_encoder_create");
    int32_t (*code)(void *, const int16_t *, int, unsigned char *, int32_t) =
        dlsym(module, "opus_encode");
    void (*destroy)(void *) = dlsym(module, "opus_encoder_destroy");
    static __thread int16_t silence[960];
    static __thread unsigned char out[4000];
    int error;
    void *encoder = make(48000, 1, 2049, &error);

    if (encoder == NULL || code(encoder, silence, 960, out, sizeof out) <= 0)
        abort();
    destroy(encoder);
}
