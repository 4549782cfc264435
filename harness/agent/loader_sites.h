/* loader_sites.h: numbers for loader.S; hook_loader.c checks them against agent_abi.h. */
#define LOADER_SITE_DLOPEN          1
#define LOADER_SITE_DLMOPEN         2
#define LOADER_SITE_DL_ITERATE_PHDR 3
