/* libFLAC: makes an encoder and a decoder, and deletes both. */
#include <dlfcn.h>
#include <stdlib.h>

void use(void *module);

void use(void *module)
{
    static const char *const begin[] = {"FLAC__stream_encoder_new", "FLAC__stream_decoder_new"};
    static const char *const end[] = {"FLAC__stream_encoder_delete", "FLAC__stream_decoder_delete"};

    for (unsigned i = 0; i < 2; i++) {
        void *state = ((void *(*)(void))dlsym(module, begin[i]))();

        if (state == NULL)
            abort();
        ((void (*)(void *))dlsym(module, end[i]))(state);
    }
}
