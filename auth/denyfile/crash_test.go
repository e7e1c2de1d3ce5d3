//go:build unix

package denyfile_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"socketiojwt/auth"
	"socketiojwt/auth/denyfile"
)

func init() { child = runChild }

// runChild runs in a process of its own. It prints a line for each subject whose entry Add has
// acknowledged.
func runChild(role string) {
	list, err := denyfile.Open(os.Getenv("DENYFILE_PATH"), denyfile.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		fail(err)
	}
	switch role {
	case "killed":
		addForEver(list)
	case "full":
		err = fillDisk(list)
	}
	if err := errors.Join(err, list.Close()); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// acknowledged adds a block of a subject, and prints the subject.
func acknowledged(list *denyfile.Denylist, subject string) error {
	if err := list.Add(context.Background(), blockOf(subject)); err != nil {
		return err
	}
	_, err := os.Stdout.WriteString(subject + "\n")
	return err
}

func addForEver(list *denyfile.Denylist) {
	for g := range 4 {
		go func() {
			for n := 0; ; n++ {
				if err := acknowledged(list, fmt.Sprint(g, "-", n)); err != nil {
					fail(err)
				}
			}
		}()
	}
	select {}
}

// start runs a child.
func start(t *testing.T, role, path string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "DENYFILE_CHILD="+role, "DENYFILE_PATH="+path)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, bufio.NewScanner(out)
}

// An entry that was acknowledged is there after the process was killed, at whatever moment. The
// file is whole and is not locked.
func TestKilledProcess(t *testing.T) {
	path := newPath(t)
	var subjects []string
	for round := range 10 {
		cmd, lines := start(t, "killed", path)
		for n := 0; lines.Scan(); n++ {
			subjects = append(subjects, lines.Text())
			if n == 20+round {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatal(err)
		}
		list := open(t, path, denyfile.Options{})
		for _, subject := range subjects {
			if !found(t, list, subject) {
				t.Errorf("%s was acknowledged, and is not there", subject)
			}
		}
		closeList(t, list)
	}
	if len(subjects) < 200 {
		t.Errorf("only %d entries", len(subjects))
	}
}

// A full disk is an error. Everything that was acknowledged is found, the entry that could not be
// written too, and entries are written again when there is room.
func TestFullDisk(t *testing.T) {
	path := newPath(t)
	cmd, lines := start(t, "full", path)
	var subjects []string
	for lines.Scan() {
		subjects = append(subjects, lines.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	list := open(t, path, denyfile.Options{})
	for _, subject := range subjects {
		if !found(t, list, subject) {
			t.Errorf("%s was acknowledged, and is not there", subject)
		}
	}
	if len(subjects) < 10 || subjects[len(subjects)-1] != "afterwards" {
		t.Errorf("the child wrote %q", subjects)
	}
	if found(t, list, "too many") {
		t.Error("the entry that could not be written is in the file")
	}
}

// fillDisk adds entries to a list whose file must not become larger than 256 KiB.
func fillDisk(list *denyfile.Denylist) error {
	signal.Ignore(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	small := limit
	small.Cur = 256 << 10
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		return err
	}
	full := error(nil)
	n := 0
	for ; full == nil; n++ {
		if n == 10_000 {
			return errors.New("the disk does not become full")
		}
		full = acknowledged(list, fmt.Sprint(n))
	}
	if text := full.Error(); !strings.Contains(text, "not written") || !strings.Contains(text, syscall.EFBIG.Error()) {
		return fmt.Errorf("the error is %w", full)
	}
	for range 3 {
		if err := list.Add(context.Background(), blockOf("too many")); err == nil {
			return errors.New("another entry is acknowledged")
		}
	}
	for i := range n {
		if err := mustFind(list, fmt.Sprint(i)); err != nil {
			return err
		}
	}
	if err := mustFind(list, "too many"); err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	return acknowledged(list, "afterwards")
}

func mustFind(list *denyfile.Denylist, subject string) error {
	entries, err := list.List(context.Background(), "", 100_000)
	if err != nil {
		return err
	}
	for _, r := range entries {
		if r.Match == auth.BySubject("i", subject) {
			return nil
		}
	}
	return fmt.Errorf("%s is not found", subject)
}

// The lock of another process is an error that says what to do.
func TestLockOfAnotherProcess(t *testing.T) {
	path := newPath(t)
	_, lines := start(t, "killed", path)
	if !lines.Scan() {
		t.Fatal("the child wrote nothing")
	}
	go func() {
		for lines.Scan() {
		}
	}()
	_, err := denyfile.Open(path, quiet)
	if !errors.Is(err, denyfile.ErrLocked) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}
