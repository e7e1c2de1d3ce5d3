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
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"socketiojwt/internal/display"
	"socketiojwt/internal/doctor"
)

// The exit codes of all commands.
const (
	exitGood    = 0
	exitRefused = 1 // a token was refused, or doctor found problems
	exitFailed  = 2 // anything else: bad flags, no connection, a port that is taken
)

// errRefused is returned by a command that has reported a refusal itself.
var errRefused = errors.New("the token was refused")

// commandLine describes the commands and flags for kong.
type commandLine struct {
	ShowVersion versionFlag `name:"version" help:"Print the version."`

	Serve         serveCommand         `cmd:"" help:"Serve a Socket.IO server that requires a token, and a page to try it on."`
	Token         tokenCommands        `cmd:"" help:"Mint, inspect and verify tokens."`
	Doctor        doctorCommand        `cmd:"" help:"Report what is unsafe or broken in a configuration of serve, and in its issuer."`
	Config        configCommands       `cmd:"" help:"Check or show a configuration of serve."`
	Probe         probeCommand         `cmd:"" help:"Connect to a Socket.IO server with a token and report whether it is accepted."`
	Leases        leasesCommand        `cmd:"" help:"List the sockets of a running server."`
	Disconnect    disconnectCommand    `cmd:"" help:"Disconnect one socket of a running server."`
	Revoke        revokeCommand        `cmd:"" help:"Revoke tokens: their sockets end on all nodes of a running server."`
	Block         blockCommand         `cmd:"" help:"Keep a user out of a running server, whatever token it shows."`
	Emit          emitCommand          `cmd:"" help:"Send an event to sockets, by a server or through the Redis of their nodes."`
	OperatorToken operatorTokenCommand `cmd:"" help:"Print a token for the page of operators."`
	Completion    completionCommand    `cmd:"" help:"Print a completion script for a shell."`
	Complete      completeCommand      `cmd:"" hidden:""`
	Health        healthCommand        `cmd:"" help:"Ask a running server whether it is healthy."`
	Version       versionCommand       `cmd:"" help:"Print the version."`
}

type tokenCommands struct {
	Mint    mintCommand    `cmd:"" help:"Sign a token and print it."`
	Inspect inspectCommand `cmd:"" help:"Show what a token says, without verifying it."`
	Verify  verifyCommand  `cmd:"" help:"Report whether a token is accepted, and if not, why."`
}

// terminal is where a command reads and writes.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	ctx, stop := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2) // none of the two is lost
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		stop()
		endBy(<-signals)
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// endBy ends the process at once, as the signal does by default.
func endBy(received os.Signal) {
	signal.Reset(received)
	if self, err := os.FindProcess(os.Getpid()); err != nil || self.Signal(received) != nil {
		os.Exit(exitFailed) // Windows
	}
}

// run runs one command line and returns the exit code. It returns soon after ctx ends.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	type exit int
	defer func() { // kong calls Exit after it has printed help
		switch value := recover().(type) {
		case nil:
		case exit:
			code = int(value)
		default:
			panic(value)
		}
	}()
	if len(args) == 0 || slices.Equal(args, []string{"token"}) || slices.Equal(args, []string{"config"}) {
		args = append(slices.Clone(args), "--help")
	}
	parsed, err := parse(new(commandLine), args,
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(terminal{stdin, stdout, stderr}, arguments(args)),
	)
	if err == nil {
		err = parsed.Run(parsed.Kong)
	}
	switch {
	case err == nil:
		return exitGood
	case errors.Is(err, errRefused), errors.Is(err, errProblems):
		return exitRefused
	case errors.Is(err, errInvalid):
		return exitFailed
	}
	// The parser quotes arguments that it does not understand. One may be a token.
	fmt.Fprintf(stderr, "socketio-jwt: %s\n", display.Printable(display.Redact(doctor.Plain(err), "")))
	return exitFailed
}

// parse reads the arguments, and the variables of the environment, into line.
func parse(line *commandLine, args []string, options ...kong.Option) (*kong.Context, error) {
	parser, err := kong.New(line, append([]kong.Option{
		kong.Name("socketio-jwt"),
		kong.Description("A Socket.IO server that admits only sockets with a valid JSON Web Token, and tools for such tokens."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		durations,
	}, options...)...)
	if err != nil {
		panic(err) // an error in the struct tags, which every test would find
	}
	parsed, err := parser.Parse(args)
	if err == nil {
		if command, ok := parsed.Selected().Target.Addr().Interface().(interface{ file() *configFile }); ok {
			command.file().read(parsed)
		}
		err = refuseEmpty(parsed.Flags())
	}
	if err == nil {
		err = checkEnvironment(parser, parsed.Command(), os.Environ())
	}
	if err != nil {
		return nil, fmt.Errorf("%s (see --help)", ofParser.Replace(err.Error()))
	}
	return parsed, nil
}

// ofParser rewords errors in which kong describes its scanner, and package slog its levels.
var ofParser = strings.NewReplacer(`expected string value but got "EOL" (<EOL>)`, "it needs a value", `expected duration value but got "EOL" (<EOL>)`, "it needs a value", `expected "<`, `missing argument "<`,
	"slog: level string ", "", ": unknown name", ": it must be debug, info, warn or error")

// refuseEmpty returns an error for flags and variables that are set and empty: the author of
// --issuer "$ISSUER" meant some issuer.
func refuseEmpty(flags []*kong.Flag) error {
	var empty []error
	for _, flag := range flags {
		switch flag.Target.Kind() {
		case reflect.String, reflect.Slice:
			if flag.Set && flag.Target.Len() == 0 {
				empty = append(empty, fmt.Errorf("--%s is set, by flag or environment variable, and empty", flag.Name))
			}
		}
	}
	return joined(empty...)
}

// problems are several errors, which make one line.
type problems []error

func (p problems) Error() string {
	texts := make([]string, len(p))
	for i, err := range p {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

// joined joins errors into one line. It returns nil if all are nil.
func joined(errs ...error) error {
	var all problems
	for _, err := range errs {
		all = append(all, problemsOf(err)...)
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// problemsOf returns the single errors that joined has joined.
func problemsOf(err error) []error {
	switch list, ok := err.(problems); {
	case err == nil:
		return nil
	case ok:
		return list
	}
	return []error{err}
}

// programName returns what the user types to run this program.
func programName() string {
	executable, err := os.Executable()
	if err != nil || strings.Contains(filepath.ToSlash(executable), "/go-build") {
		return "go run ./cmd/socketio-jwt"
	}
	return filepath.Base(executable)
}
