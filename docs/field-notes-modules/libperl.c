/* libperl: makes an interpreter, runs a line, and takes it away as perlembed says. */
#include <dlfcn.h>
#include <stdlib.h>

void use(void *module);

void use(void *module)
{
    void (*begin)(int *, char ***, char ***) = dlsym(module, "Perl_sys_init3");
    void (*end)(void) = dlsym(module, "Perl_sys_term");
    void *(*allocate)(void) = dlsym(module, "perl_alloc");
    void (*construct)(void *) = dlsym(module, "perl_construct");
    int (*parse)(void *, void (*)(void *), int, char **, char **) = dlsym(module, "perl_parse");
    int (*run)(void *) = dlsym(module, "perl_run");
    int (*destruct)(void *) = dlsym(module, "perl_destruct");
    void (*drop)(void *) = dlsym(module, "perl_free");
    static char name[] = "perl", option[] = "-e", line[] = "$a{$_} = \"x\" x $_ for 1 .. 50";
    char *arguments[] = {name, option, line, NULL}, **words = arguments, *none = NULL;
    char **environment = &none;
    int count = 3;
    void *perl;

    begin(&count, &words, &environment);
    perl = allocate();
    construct(perl);
    if (parse(perl, NULL, 3, arguments, NULL) != 0 || run(perl) != 0)
        abort();
    destruct(perl);
    drop(perl);
    end();
}
