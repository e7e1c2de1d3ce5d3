package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"socketiojwt/bench/load"
)

// Every program runs on its own core, so that a figure is that of one core, except in a setup that is wide.
const (
	serverCore    = "0"
	generatorCore = "1"
	bothCores     = "0,1"
)

const (
	startTime = 30 * time.Second // bound for a server to listen
	stopTime  = 5 * time.Second  // after this a program that was told to end is killed
	runTime   = 4 * time.Minute  // after this a generator is stopped
)

// command returns a command that ends with ctx, and with this process however that ends. It is in its own process group, so
// that ctrl-C reaches it only through this process. It must be started on the main goroutine (see init in main.go).
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = stopTime
	return c
}

// pinned returns a child that stays on a core, or on both. taskset becomes the program, so that the process id is the program's.
func pinned(ctx context.Context, core string, argv ...string) *exec.Cmd {
	return command(ctx, "taskset", append([]string{"-c", core}, argv...)...)
}

// server is a running server.
type server struct {
	address string
	debug   string // address of the debug endpoint; empty where there is none
	pid     int
	log     *tail
	ended   chan struct{} // closed when the process has ended and state is set
	state   error
	stop    func() // ends the process and waits for it
}

// startServer starts argv and waits until it prints "ready ADDRESS", with the address of a debug endpoint after it, or not.
func startServer(ctx context.Context, cores string, argv, env []string, dir string) (*server, error) {
	ctx, cancel := context.WithCancel(ctx)
	c := pinned(ctx, cores, argv...)
	c.Env, c.Dir = append(os.Environ(), env...), dir
	s := &server{log: new(tail), ended: make(chan struct{})}
	c.Stderr = s.log
	out, err := c.StdoutPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	if err := c.Start(); err != nil {
		cancel()
		return nil, err
	}
	s.pid = c.Process.Pid
	// A server that never says that it is ready is ended, which ends the reading.
	late := time.AfterFunc(startTime, cancel)
	line, err := bufio.NewReader(out).ReadString('\n')
	go func() {
		s.state = c.Wait()
		close(s.ended)
	}()
	s.stop = func() {
		cancel()
		<-s.ended
	}
	if fields := strings.Fields(line); late.Stop() && err == nil && len(fields) > 1 && fields[0] == "ready" {
		s.address = fields[1]
		if len(fields) > 2 {
			s.debug = fields[2]
		}
		return s, nil
	}
	s.stop()
	return nil, fmt.Errorf("%s did not start: %s", strings.Join(argv, " "), s.log)
}

// explain adds to err, of a run that failed, what became of the server.
func (s *server) explain(err error) error {
	select {
	case <-s.ended:
		err = fmt.Errorf("%w; the server ended: %v", err, s.state)
	case <-time.After(100 * time.Millisecond): // it may be ending
	}
	if said := s.log.String(); said != "" {
		err = fmt.Errorf("%w; the server said: %s", err, said)
	}
	return err
}

// generate runs the load generator: this same program in another process.
func generate(ctx context.Context, cores string, c load.Config) (load.Result, error) {
	self, err := os.Executable()
	if err != nil {
		return load.Result{}, err
	}
	in, err := json.Marshal(c)
	if err != nil {
		return load.Result{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, runTime, fmt.Errorf("the run took more than %v", runTime))
	defer cancel()
	p := pinned(ctx, cores, self, load.GeneratorRole)
	p.Env = append(os.Environ(), "GOMAXPROCS=1")
	p.Stdin = bytes.NewReader(in)
	log := new(tail)
	p.Stderr = log
	out, err := p.Output()
	if ctx.Err() != nil {
		return load.Result{}, context.Cause(ctx)
	}
	if err != nil {
		return load.Result{}, fmt.Errorf("load generator: %w: %s", err, log)
	}
	var r load.Result
	if err := json.Unmarshal(out, &r); err != nil {
		return load.Result{}, fmt.Errorf("load generator: %w", err)
	}
	if r.Error != "" {
		return load.Result{}, errors.New(r.Error)
	}
	return r, nil
}

// tail keeps the last 2 KB written to it, and may be read while it is written.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

var _ io.Writer = (*tail)(nil)

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - 2048; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.buf))
}
