/* Writes the TLS keys of a program that is linked with OpenSSL to the file that SSLKEYLOGFILE names (RFC 9850).
 *
 *     cc -O2 -shared -fPIC -o keylog.so keylog.c -ldl
 *     SSLKEYLOGFILE=/run/keys/nginx.keys LD_PRELOAD=$PWD/keylog.so nginx
 *
 * It needs no headers of OpenSSL. The file is opened before main(), so a server may give up its rights afterwards. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

typedef void (*writer)(const void *ssl, const char *line);

static int file = -1;

__attribute__((constructor)) static void open_file(void)
{
    const char *path = getenv("SSLKEYLOGFILE");

    if (path)
        file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

/* One call writes a whole line, so the lines of several processes do not mix. */
static void write_line(const void *ssl, const char *line)
{
    struct iovec parts[] = {{(void *)line, strlen(line)}, {"\n", 1}};

    (void)ssl;
    if (writev(file, parts, 2) < 0)
        return;
}

/* Every connection of OpenSSL begins with SSL_new(). */
void *SSL_new(void *context)
{
    void *(*make)(void *) = (void *(*)(void *))dlsym(RTLD_NEXT, "SSL_new");
    void (*log_keys)(void *, writer) = (void (*)(void *, writer))dlsym(RTLD_NEXT, "SSL_CTX_set_keylog_callback");

    if (!make)
        return NULL;
    if (log_keys && file >= 0)
        log_keys(context, write_line);
    return make(context);
}
