// Package serving is what the small servers of interop/ have in common.
package serving

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Main runs a program, whose context ends by SIGTERM, by an interrupt, and when standard input
// ends, so that a test run that was killed leaves no server behind. If run fails, Main prints
// the error and ends the process with status 1.
func Main(name string, run func(ctx context.Context) error) {
	Controlled(name, run, func(context.Context, []byte) {})
}

// Controlled is Main for a program that reads commands: it calls command for each line of standard
// input, one after the other.
func Controlled(name string, run func(ctx context.Context) error, command func(ctx context.Context, line []byte)) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer cancel()
		for input := bufio.NewReader(os.Stdin); ; {
			line, err := input.ReadBytes('\n')
			if err != nil {
				return
			}
			command(ctx, line)
		}
	}()
	if err := run(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

// Serve serves handler on a free port of 127.0.0.1 until ctx is done. It prints
// {"addr":"127.0.0.1:PORT"} once it listens.
func Serve(ctx context.Context, handler http.Handler) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	defer func() { _ = server.Close() }()
	if err := json.NewEncoder(os.Stdout).Encode(map[string]string{"addr": listener.Addr().String()}); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}
