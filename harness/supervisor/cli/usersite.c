/*
 * usersite: the names of user sites that the command line or a replay line has mentioned.
 */
#include "usersite.h"

#include <string.h>

static char names[ABI_USER_SITES][ABI_NAME_BYTES];

uint16_t usersite_index(const char *name)
{
    for (uint16_t i = 0; i < ABI_USER_SITES; i++) {
        if (names[i][0] == 0)
            strncpy(names[i], name, ABI_NAME_BYTES - 1);
        if (strncmp(names[i], name, ABI_NAME_BYTES - 1) == 0)
            return (uint16_t)(ABI_SITES + i);
    }
    return 0;
}

void usersite_fill(char table[ABI_USER_SITES][ABI_NAME_BYTES])
{
    memcpy(table, names, sizeof names);
}

uint16_t usersite_find(const char *name, void *context)
{
    uint16_t site = abi_site_find(name);

    return site == 0 && strncmp(name, "user:", 5) == 0 ? usersite_index(name + 5) : site;
}
