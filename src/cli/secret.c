#include "cli/secret.h"

#include "base/slice.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static enum status read_line(FILE *in, char out[static SECRET_TEXT], struct fault *why)
{
    size_t len;

    if (fgets(out, SECRET_TEXT, in) == NULL)
        return fault_set(why, ERR_SYNTAX, "no password was given");
    len = strlen(out);
    if (len + 1 == SECRET_TEXT && out[len - 1] != '\n')
        return fault_set(why, ERR_SYNTAX, "the password is longer than %d bytes", SECRET_TEXT - 2);
    while (len > 0 && (out[len - 1] == '\n' || out[len - 1] == '\r'))
        out[--len] = '\0';
    return len > 0 ? OK : fault_set(why, ERR_SYNTAX, "no password was given");
}

enum status secret_read_stdin(char out[static SECRET_TEXT], struct fault *why)
{
    return read_line(stdin, out, why);
}

/* Who presses Ctrl-C gets the terminal back with its echo. */
static const int ends[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP };
static int asked_fd;
static struct termios asked_shown;

/* tcsetattr(), sigaction() and raise() may be called here (signal-safety(7)). The signal counts once this has
 * returned. */
static void on_signal(int number)
{
    const struct sigaction usual = { .sa_handler = SIG_DFL };

    (void)tcsetattr(asked_fd, TCSANOW, &asked_shown);
    (void)sigaction(number, &usual, NULL);
    (void)raise(number);
}

static void hold_signals(int fd, const struct termios *shown, struct sigaction before[static COUNT_OF(ends)])
{
    const struct sigaction held = { .sa_handler = on_signal };

    asked_fd = fd;
    asked_shown = *shown;
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        (void)sigaction(ends[i], &held, &before[i]);
}

static void let_signals_go(const struct sigaction before[static COUNT_OF(ends)])
{
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        (void)sigaction(ends[i], &before[i], NULL);
}

static enum status ask_once(FILE *tty, const char *prompt, char out[static SECRET_TEXT], struct fault *why)
{
    struct sigaction before[COUNT_OF(ends)];
    struct termios shown, hidden;
    enum status st;

    if (tcgetattr(fileno(tty), &shown) != 0)
        return fault_errno(why, "cannot use the terminal");
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    hold_signals(fileno(tty), &shown, before);
    if (tcsetattr(fileno(tty), TCSAFLUSH, &hidden) != 0) {
        let_signals_go(before);
        return fault_errno(why, "cannot turn off the terminal's echo");
    }
    (void)fprintf(tty, "%s: ", prompt);
    (void)fflush(tty);
    st = read_line(tty, out, why);
    (void)tcsetattr(fileno(tty), TCSAFLUSH, &shown);
    let_signals_go(before);
    (void)fputc('\n', tty);
    return st;
}

enum status secret_ask(const char *prompt, char out[static SECRET_TEXT], struct fault *why)
{
    char again[SECRET_TEXT];
    FILE *tty = fopen("/dev/tty", "r+e");
    enum status st;

    if (tty == NULL)
        return fault_set(why, ERR_TEMPORARY,
                         "there is no terminal to ask for the password; give it on standard input "
                         "with --password-stdin");
    st = ask_once(tty, prompt, out, why);
    if (st == OK)
        st = ask_once(tty, "once more", again, why);
    if (st == OK && strcmp(out, again) != 0)
        st = fault_set(why, ERR_SYNTAX, "the two passwords differ; nothing was changed");
    explicit_bzero(again, sizeof again);
    (void)fclose(tty);
    return st;
}
