// Command supervisor plays the part of systemd for a service with a socket unit. It listens on a
// free port of 127.0.0.1, prints {"addr":"127.0.0.1:PORT"}, and runs the command of its arguments
// with the listening socket. It never accepts a connection. For each line of standard input it
// restarts the service as "systemctl restart" does: it sends SIGTERM, waits for the end, starts it
// again, and prints {"took": milliseconds, "code": exit code of the first one}.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"socketiojwt/interop/internal/serving"
)

// service is a command that gets a listening socket.
type service struct {
	args   []string
	socket *os.File

	mu      sync.Mutex // held while it starts and stops
	running *exec.Cmd
}

// start starts the service. The caller holds mu.
func (s *service) start() error {
	// LISTEN_PID is the process that the shell becomes. It is killed if this process is.
	const become = `export LISTEN_PID=$$; exec setpriv --pdeathsig KILL "$0" "$@"`
	s.running = exec.Command("/bin/sh", append([]string{"-c", become}, s.args...)...)
	s.running.Env = append(os.Environ(), "LISTEN_FDS=1", "LISTEN_FDNAMES=chat.socket")
	s.running.ExtraFiles = []*os.File{s.socket}
	s.running.Stdout, s.running.Stderr = os.Stderr, os.Stderr
	return s.running.Start()
}

// stop ends the service and returns its exit code. The caller holds mu.
func (s *service) stop() (code int, err error) {
	if err := s.running.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	var exit *exec.ExitError
	if err := s.running.Wait(); err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	return s.running.ProcessState.ExitCode(), nil
}

func (s *service) restart() (code int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if code, err = s.stop(); err != nil {
		return code, err
	}
	return code, s.start()
}

func main() {
	s := &service{args: os.Args[1:]}
	out := json.NewEncoder(os.Stdout)
	run := func(ctx context.Context) error {
		listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return err
		}
		if s.socket, err = listener.File(); err != nil {
			return err
		}
		s.mu.Lock()
		err = s.start()
		s.mu.Unlock()
		if err != nil {
			return err
		}
		if err := out.Encode(map[string]string{"addr": listener.Addr().String()}); err != nil {
			return err
		}
		<-ctx.Done()
		s.mu.Lock()
		defer s.mu.Unlock()
		code, err := s.stop()
		if err == nil && code != 0 {
			err = fmt.Errorf("the service ended with exit code %d", code)
		}
		return err
	}
	serving.Controlled("supervisor", run, func(context.Context, []byte) {
		begun := time.Now()
		code, err := s.restart()
		if err != nil {
			fmt.Fprintln(os.Stderr, "supervisor:", err)
			os.Exit(1)
		}
		_ = out.Encode(map[string]any{"took": time.Since(begun).Milliseconds(), "code": code})
	})
}
