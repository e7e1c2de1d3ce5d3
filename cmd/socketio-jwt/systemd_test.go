package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"socketiojwt/internal/redistest"
	"socketiojwt/token/tokentest"
)

// asCommand makes the test binary run the command instead of the tests.
const asCommand = "TEST_RUNS_THE_COMMAND"

// notices collects what is told to a service manager.
type notices struct {
	output
	path string
}

func listenForNotices(t *testing.T) *notices {
	t.Helper()
	n := &notices{path: filepath.Join(t.TempDir(), "notify")}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: n.path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() {
		_ = conn.Close()
		<-ended
	})
	go func() {
		defer close(ended)
		buf := make([]byte, 4096)
		for {
			length, err := conn.Read(buf)
			if err != nil {
				return
			}
			_, _ = n.Write(append(bytes.ReplaceAll(buf[:length], []byte("\n"), []byte(" ")), '\n'))
		}
	}()
	return n
}

func (n *notices) await(t *testing.T, pattern string) {
	t.Helper()
	redistest.Eventually(t, "notice "+pattern, func() bool { return regexp.MustCompile("(?m)" + pattern).MatchString(n.String()) })
}

// The service manager is told each step in the life of the server. It is told READY=1 when the
// server can admit sockets, and not before.
func TestNotices(t *testing.T) {
	n := listenForNotices(t)
	t.Setenv("NOTIFY_SOCKET", n.path)
	t.Setenv("WATCHDOG_USEC", fmt.Sprint((600 * time.Millisecond).Microseconds()))
	t.Setenv("WATCHDOG_PID", fmt.Sprint(os.Getpid()))
	issuer := tokentest.NewIssuer(t, tokentest.Options{Listen: true})
	issuer.Misbehave(tokentest.Fault{Status: http.StatusBadGateway})
	s := start(t, "--issuer", issuer.URL(), "--audience", "chat")
	n.await(t, "^STATUS=not ready: keys$")
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	redistest.Eventually(t, "the log says so", func() bool { return strings.Contains(s.log.String(), "configuration reloaded") })
	if text := n.String(); strings.Contains(text, "READY") || strings.Contains(text, "RELOADING") {
		t.Errorf("the server has no keys:\n%s", text)
	}
	issuer.Misbehave(tokentest.Fault{})
	n.await(t, "^READY=1 STATUS=ready$")
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	n.await(t, `^RELOADING=1 MONOTONIC_USEC=[1-9][0-9]*\n(.*\n)*READY=1$`)
	n.await(t, `^WATCHDOG=1\n(.*\n)*WATCHDOG=1$`)
	s.stop()
	n.await(t, "^STOPPING=1 EXTEND_TIMEOUT_USEC=10000000 STATUS=draining$")
}

// process is the command with sockets of a service manager, in a process of its own.
type process struct {
	*exec.Cmd
	log   *output
	ended chan error
}

// activate starts the command with listeners, whose names are separated by colons.
func activate(t *testing.T, names string, listeners []*net.TCPListener, args ...string) *process {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{log: new(output), ended: make(chan error, 1)}
	// LISTEN_PID is the process that the shell becomes.
	p.Cmd = exec.Command("/bin/sh", append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`, executable}, args...)...)
	p.Env = append(os.Environ(), asCommand+"=1", fmt.Sprintf("LISTEN_FDS=%d", len(listeners)), "LISTEN_FDNAMES="+names)
	p.Stderr = p.log
	for _, listener := range listeners {
		file, err := listener.File()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = file.Close() }()
		p.ExtraFiles = append(p.ExtraFiles, file)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.Wait() }()
	t.Cleanup(func() {
		_ = p.Process.Kill()
		p.ended <- <-p.ended
	})
	return p
}

// end sends SIGTERM, and returns how the process has ended.
func (p *process) end(t *testing.T) error {
	t.Helper()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err := <-p.ended
	p.ended <- err
	return err
}

func listenLocally(t *testing.T) *net.TCPListener {
	t.Helper()
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

// Sockets of the service manager replace --addr and --admin by their names. They outlive the
// process: a connection that is made between two processes waits for the second one.
func TestSocketActivation(t *testing.T) {
	public, operators := listenLocally(t), listenLocally(t)
	args := []string{"serve", "--addr", "127.0.0.1:1", "--admin", "127.0.0.1:1", "--admin-secret-file", writeFile(t, "admin.txt", goodSecret)}
	one := activate(t, "chat.socket:admin", []*net.TCPListener{public, operators}, args...)
	url := "http://" + public.Addr().String()
	if body := get(t, url+"/health"); body != `{"ok":true}` {
		t.Errorf("/health: %s", body)
	}
	if body := get(t, "http://"+operators.Addr().String()); !strings.Contains(body, "<title>") {
		t.Errorf("the page of operators: %.100s", body)
	}
	if err := one.end(t); err != nil {
		t.Errorf("%v: %s", err, one.log)
	}
	answer := make(chan string, 1)
	go func() { // connects before the next process exists
		response, err := http.Get(url + "/health")
		if err != nil {
			answer <- err.Error()
			return
		}
		defer func() { _ = response.Body.Close() }()
		body, _ := io.ReadAll(response.Body)
		answer <- string(body)
	}()
	two := activate(t, "chat.socket:admin", []*net.TCPListener{public, operators}, args...)
	if got := <-answer; got != `{"ok":true}` {
		t.Errorf("a request between two processes: %s", got)
	}
	if err := two.end(t); err != nil {
		t.Errorf("%v: %s", err, two.log)
	}
}

// keepWaiting opens a session that has something to poll, for which Shutdown waits.
func (p *deadPeer) keepWaiting() {
	p.open()
	p.post("40")
	redistest.Eventually(p.t, "the refusal", func() bool { return strings.Contains(p.s.log.String(), "auth: refused") })
	time.Sleep(500 * time.Millisecond) // until it is queued, soon after the log line, which no peer and no other line shows
}

// A client that connects during the shutdown waits for the next process. It is not refused.
func TestSocketActivationDuringShutdown(t *testing.T) {
	public := listenLocally(t)
	one := activate(t, "chat.socket", []*net.TCPListener{public}, "serve")
	handshake := "http://" + public.Addr().String() + "/socket.io/?EIO=4&transport=polling"
	(&deadPeer{t: t, s: &served{url: "http://" + public.Addr().String(), log: one.log}}).keepWaiting()
	if err := one.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	redistest.Eventually(t, "it shuts down", func() bool { return strings.Contains(one.log.String(), "no longer accepting connections") })
	answer := make(chan string, 1)
	go func() {
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		response, err := client.Get(handshake)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer func() { _ = response.Body.Close() }()
		body, _ := io.ReadAll(response.Body)
		answer <- string(body)
	}()
	if err := <-one.ended; err != nil {
		t.Errorf("%v: %s", err, one.log)
	}
	one.ended <- nil
	two := activate(t, "chat.socket", []*net.TCPListener{public}, "serve")
	if got := <-answer; !strings.HasPrefix(got, `0{"sid":`) {
		t.Errorf("a handshake during the shutdown: %s", got)
	}
	if err := two.end(t); err != nil {
		t.Errorf("%v: %s", err, two.log)
	}
}

// A socket of the service manager that nothing serves is an error, and not a port that hangs.
func TestSocketWithoutUse(t *testing.T) {
	p := activate(t, "metrics", []*net.TCPListener{listenLocally(t)}, "serve", "--addr", "127.0.0.1:0")
	err := <-p.ended
	p.ended <- err
	if err == nil || !strings.Contains(p.log.String(), "the service manager has opened a socket for --metrics, which is not set") {
		t.Errorf("%v: %s", err, p.log)
	}
}

// A socket of operators whose unit does not name it is an error, and does not serve clients.
func TestSocketWithoutAName(t *testing.T) {
	for _, names := range []string{"chat.socket:chat-admin.socket", "addr:chat-admin.socket"} {
		p := activate(t, names, []*net.TCPListener{listenLocally(t), listenLocally(t)}, "serve")
		err := <-p.ended
		p.ended <- err
		if want := strings.ReplaceAll(names, ":", ", ") + "; set FileDescriptorName="; err == nil || !strings.Contains(p.log.String(), want) {
			t.Errorf("%v: %s, want %s", err, p.log, want)
		}
	}
	for _, names := range []string{"chat.socket:chat.socket", "", "addr:addr"} {
		public := []*net.TCPListener{listenLocally(t), listenLocally(t)}
		p := activate(t, names, public, "serve")
		for _, listener := range public {
			if body := get(t, "http://"+listener.Addr().String()+"/health"); body != `{"ok":true}` {
				t.Errorf("%q: %s", names, body)
			}
		}
		if err := p.end(t); err != nil {
			t.Errorf("%q: %v: %s", names, err, p.log)
		}
	}
}

// A second signal ends the process at once, whatever the first one waits for.
func TestSecondSignal(t *testing.T) {
	public := listenLocally(t)
	p := activate(t, "chat.socket", []*net.TCPListener{public}, "serve", "--drain-wait", "10m")
	url := "http://" + public.Addr().String()
	redistest.Eventually(t, "it is ready", func() bool { return status(t, url+"/ready") == http.StatusOK })
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	redistest.Eventually(t, "it drains", func() bool { return status(t, url+"/ready") == http.StatusServiceUnavailable })
	begun := time.Now()
	_ = p.end(t)
	if took := time.Since(begun); took > 5*time.Second || p.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("ended after %v with %v", took, p.ProcessState)
	}
}

// Sockets that were opened for another process are not taken over.
func TestSocketsOfAnotherProcess(t *testing.T) {
	t.Setenv("LISTEN_PID", "1")
	t.Setenv("LISTEN_FDS", "1")
	a := newAssembly(new(serveCommand), terminal{err: t.Output()})
	if err := startInheriting(context.Background(), a); err != nil || len(a.inherited) > 0 {
		t.Errorf("%v, %v", a.inherited, err)
	}
}
