package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// The exit codes of all commands.
const (
	exitGood    = 0
	exitRefused = 1 // a token was refused, or doctor found problems
	exitFailed  = 2 // anything else: bad flags, no connection, a port that is taken
)

// errRefused is returned by a command that has told of a refusal itself.
var errRefused = errors.New("the token was refused")

// commandLine is what can be typed.
type commandLine struct {
	Serve   serveCommand   `cmd:"" help:"Serve a Socket.IO server behind tokens, and a page to try it on."`
	Token   tokenCommands  `cmd:"" help:"Mint, inspect and verify tokens."`
	Doctor  doctorCommand  `cmd:"" help:"Say what is unsafe or broken in a configuration of serve, and in its issuer."`
	Probe   probeCommand   `cmd:"" help:"Knock at a Socket.IO server with a token and say what it answers."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

type tokenCommands struct {
	Mint    mintCommand    `cmd:"" help:"Sign a token and print it."`
	Inspect inspectCommand `cmd:"" help:"Show what a token says, without verifying it."`
	Verify  verifyCommand  `cmd:"" help:"Say whether a token is good, and if not, why."`
}

// terminal is where a command reads and writes.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	// The first signal ends ctx and asks for an orderly end; after that the default
	// is in force again, so that the second one ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run runs one command line and returns the exit code. It ends soon after ctx does.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	type exit int
	defer func() { // kong leaves by Exit after it has printed help
		if left, ok := recover().(exit); ok {
			code = int(left)
		}
	}()
	var line commandLine
	parser, err := kong.New(&line,
		kong.Name("socketio-jwt"),
		kong.Description("Let only sockets with a good token in."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(terminal{stdin, stdout, stderr}),
	)
	if err != nil {
		panic(err) // a mistake in the struct tags, seen by every test
	}
	parsed, err := parser.Parse(args)
	if err == nil {
		err = refuseEmpty(parsed.Flags())
	}
	if err == nil {
		err = parsed.Run()
	} else {
		err = fmt.Errorf("%w (--help shows what there is)", err)
	}
	switch {
	case err == nil:
		return exitGood
	case errors.Is(err, errRefused), errors.Is(err, errProblems):
		return exitRefused
	}
	// The parser quotes what it does not understand, a token in the wrong place too.
	fmt.Fprintf(stderr, "socketio-jwt: %s\n", printable(redact(err.Error(), "")))
	return exitFailed
}

// refuseEmpty fails for a flag, or its variable in the environment, that is set to
// nothing: whoever wrote --issuer "$ISSUER" did not mean any issuer.
func refuseEmpty(flags []*kong.Flag) error {
	for _, flag := range flags {
		switch flag.Target.Kind() {
		case reflect.String, reflect.Slice:
			if flag.Set && flag.Target.Len() == 0 {
				return fmt.Errorf("--%s is set, by flag or environment, and empty", flag.Name)
			}
		}
	}
	return nil
}

// programName is how the person at the terminal can run this program again.
func programName() string {
	executable, err := os.Executable()
	if err != nil || strings.Contains(filepath.ToSlash(executable), "/go-build") {
		return "go run ./cmd/socketio-jwt"
	}
	return filepath.Base(executable)
}
