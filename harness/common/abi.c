/*
 * abi: names and properties of what agent_abi.h numbers.
 *
 * Linked into the agent too, where it is called with any lock held: tables and comparisons
 * only, nothing that allocates, prints or locks. Indexes come from memory that a dying target
 * may have written over, so each is checked.
 */
#include <harness/agent_abi.h>

#include <string.h>

struct site {
    const char *name;
    uint8_t family;
    uint8_t inside;
};

#define SITE_ROW(id, text, kind, within) {text, FAMILY_##kind, within},
static const struct site sites[ABI_SITES] = {{"?", FAMILY_NONE, 0}, ABI_SITE_LIST(SITE_ROW)};

#define EVENT_NAME(id, name) name,
static const char *const events[ABI_EVENTS] = {"?", ABI_EVENT_LIST(EVENT_NAME)};

static const char *const modes[ABI_MODES] = {
    [MODE_NONE] = "nothing",
    [MODE_MUTEX] = "mutex",
    [MODE_READ] = "read lock",
    [MODE_WRITE] = "write lock",
    [MODE_SPIN] = "spin lock",
    [MODE_CONDITION] = "condition",
    [MODE_SEMAPHORE] = "semaphore",
    [MODE_BARRIER] = "barrier",
    [MODE_ONCE] = "once",
    [MODE_STDIO] = "stream lock",
    [MODE_JOIN] = "end of a thread",
    [MODE_LOADER] = "the loader lock",
    [MODE_HEAP] = "the heap lock",
};

static const char *const probes[ABI_PROBES] = {
    [PROBE_NONE] = "nothing",
    [PROBE_MALLOC_SMALL] = "malloc(64)",
    [PROBE_MALLOC_MEDIUM] = "malloc(5000)",
    [PROBE_MALLOC_LARGE] = "malloc(300000)",
    [PROBE_FREE] = "free",
    [PROBE_STDIO] = "stdio",
    [PROBE_DLOPEN] = "dlopen",
    [PROBE_FORK] = "fork",
    [PROBE_EXIT] = "exit",
};

/*
 * A name written by the target may lack its NUL or hold anything. Blanks go too: a name must be
 * one word of a replay line.
 */
static void copy_printable(char *out, const char *name, size_t bytes)
{
    for (size_t i = 0; i < bytes && name[i] != 0; i++)
        *out++ = name[i] > ' ' && name[i] < 0x7f ? name[i] : '?';
    *out = 0;
}

const char *abi_site_name(const struct abi_control *control, uint32_t site, char out[64])
{
    uint32_t user = site - ABI_SITES;

    if (site < ABI_SITES)
        return sites[site].name;
    if (control == NULL || user >= ABI_USER_SITES || user >= control->user_sites ||
        control->user_site[user][0] == 0)
        return "?";
    memcpy(out, "user:", 5);
    copy_printable(out + 5, control->user_site[user], ABI_NAME_BYTES);
    return out;
}

uint16_t abi_site_find(const char *name)
{
    for (uint16_t site = 1; site < ABI_SITES; site++)
        if (strcmp(sites[site].name, name) == 0)
            return site;
    return 0;
}

enum abi_site_family abi_site_family(uint32_t site)
{
    if (site < ABI_SITES)
        return sites[site].family;
    return site < ABI_SITES_ALL ? FAMILY_USER : FAMILY_NONE;
}

int abi_site_inside(uint32_t site)
{
    return site < ABI_SITES && sites[site].inside;
}

const char *abi_event_name(uint32_t kind)
{
    return kind < ABI_EVENTS ? events[kind] : "?";
}

const char *abi_mode_name(uint32_t mode)
{
    return mode < ABI_MODES ? modes[mode] : "?";
}

const char *abi_probe_name(uint32_t probe)
{
    return probe < ABI_PROBES ? probes[probe] : "?";
}
