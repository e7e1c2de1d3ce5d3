// Package doctest holds the documents to the code: what they name exists, and
// what they show compiles.
package doctest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
	"socketiojwt/token/mint"
)

// The README's program is examples/quickstart, which is compiled with the rest.
func TestReadmeShowsTheQuickstart(t *testing.T) {
	readme := read(t, "README.md")
	_, rest, _ := strings.Cut(readme, "```go\n")
	shown, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("README.md shows no Go program")
	}
	program := read(t, "examples/quickstart/main.go")
	if program = program[strings.Index(program, "package main"):]; shown != program {
		t.Errorf("README.md and examples/quickstart/main.go differ; README.md has\n%s", shown)
	}
	if lines := strings.Count(readme, "\n"); lines >= 150 {
		t.Errorf("README.md has %d lines; it has to stay under 150", lines)
	}
}

var fileOrSymbol = regexp.MustCompile("[a-z_/]+\\.go|`[A-Za-z]+`")

// Every file that docs/walk.md names exists, and has the functions that are named after it. A
// file without a folder is in that of the file before it.
func TestWalkNamesWhatExists(t *testing.T) {
	walk := read(t, "docs/walk.md")
	places := []string{section(t, walk, "## The client in Go")}
	for _, line := range strings.Split(walk, "\n") {
		if cells := strings.Split(line, "|"); len(cells) >= 5 && regexp.MustCompile(`^\s*\d+\s*$`).MatchString(cells[1]) {
			places = append(places, cells[3])
		}
	}
	if len(places) < 30 {
		t.Errorf("only %d places found", len(places))
	}
	for _, place := range places {
		file, source := "", ""
		for _, name := range fileOrSymbol.FindAllString(place, -1) {
			if symbol := strings.Trim(name, "`"); symbol != name {
				if !regexp.MustCompile(`func (\([^)]*\) )?` + symbol + `[\[(]`).MatchString(source) {
					t.Errorf("no function %s in %s: %s", symbol, file, strings.TrimSpace(place))
				}
				continue
			}
			if path.Dir(name) == "." {
				name = path.Join(path.Dir(file), name)
			}
			file, source = name, read(t, name)
		}
	}
}

var testName = regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+|[a-z-]+\\.test\\.mjs)`")

var testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w*)\((?:t \*testing\.T|f \*testing\.F)\) \{`)

// tests returns the names of all tests, and of the files of those in JavaScript, with the number
// of times that each is declared.
func tests(t *testing.T) map[string]int {
	t.Helper()
	found := map[string]int{}
	eachFile(t, "_test.go", func(name string) {
		for line := range strings.Lines(read(t, name)) {
			if !strings.HasPrefix(line, "func Test") && !strings.HasPrefix(line, "func Fuzz") {
				continue
			}
			if match := testFunc.FindStringSubmatch(line); match != nil {
				found[match[1]]++
			}
		}
	})
	eachFile(t, ".test.mjs", func(name string) { found[path.Base(name)]++ })
	return found
}

// Every test that docs/threat-model.md names exists, and each row names one.
func TestThreatModelNamesTests(t *testing.T) {
	tests := tests(t)
	rows := 0
	for _, line := range strings.Split(read(t, "docs/threat-model.md"), "\n") {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| threat") {
			continue
		}
		rows++
		named := testName.FindAllStringSubmatch(line, -1)
		if len(named) == 0 && !strings.Contains(line, "later:") {
			t.Errorf("no test in: %s", line)
		}
		for _, match := range named {
			if tests[match[1]] == 0 {
				t.Errorf("there is no %s", match[1])
			}
		}
	}
	if rows < 15 {
		t.Errorf("only %d rows found", rows)
	}
}

// Each quirk of the npm package socketio-jwt, of which there are 28, has one test that
// bears its number.
func TestEachQuirkHasItsTest(t *testing.T) {
	count := map[string]int{}
	for name, times := range tests(t) {
		if number := quirk.FindStringSubmatch(name); number != nil {
			count[number[1]] += times
		}
	}
	for number := 1; number <= 28; number++ {
		if n := count[fmt.Sprint(number)]; n != 1 {
			t.Errorf("quirk %d has %d tests, want one", number, n)
		}
	}
}

var quirk = regexp.MustCompile(`^TestQ(\d+)[A-Z]`)

// The README's client is examples/quickstart/client.mjs, which interop/docs.test.mjs runs.
func TestReadmeShowsTheClient(t *testing.T) {
	_, rest, _ := strings.Cut(read(t, "README.md"), "```js\n")
	if shown, _, _ := strings.Cut(rest, "```"); shown != read(t, "examples/quickstart/client.mjs") {
		t.Errorf("README.md and examples/quickstart/client.mjs differ; README.md has\n%s", shown)
	}
}

// The quickstart runs as it is, except for its port: it admits peers with a valid
// token only, and stops in order.
func TestQuickstartRuns(t *testing.T) {
	t.Parallel() // it waits for the compiler
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()

	dir := t.TempDir()
	program := strings.Replace(read(t, "examples/quickstart/main.go"), "localhost:3000", address, 1)
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "quickstart")
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", binary, filepath.Join(dir, "main.go"))
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}

	const secret = "a secret of more than thirty-two bytes"
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, binary)
	run.Env = append(os.Environ(), "SOCKETIO_JWT_SECRET="+secret)
	run.Stderr = t.Output()
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { // it has ended unless the test fails
		cancel()
		_ = run.Wait()
	}()
	for { // until it listens
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
			break
		}
		select {
		case <-ctx.Done():
			t.Fatal("it does not listen")
		case <-time.After(20 * time.Millisecond):
		}
	}

	key, err := mint.Secret(secret, token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	join := func(name string) *sockettest.Peer {
		signed, err := mint.Sign(key, map[string]any{"sub": name, "exp": time.Now().Add(time.Minute).Unix()}, mint.Header{})
		if err != nil {
			t.Fatal(err)
		}
		peer, err := sockettest.Dial(ctx, "http://"+address, sockettest.Options{Auth: map[string]string{"token": signed}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = peer.Close() })
		return peer
	}
	ann, bob := join("ann"), join("bob")
	go func() { // again and again, since ann may still be on her way into the lobby
		for bob.Emit("say", "hello") == nil {
			time.Sleep(100 * time.Millisecond)
		}
	}()
	said, err := ann.Expect(ctx, "said")
	var who, text string
	if err != nil || said.Scan(&who, &text) != nil || who != "bob" || text != "hello" {
		t.Errorf("ann heard %q of %q, %v", text, who, err)
	}
	_, err = sockettest.Dial(ctx, "http://"+address, sockettest.Options{Auth: map[string]string{"token": "x.y.z"}})
	var refusal *sockettest.ConnectError
	if !errors.As(err, &refusal) {
		t.Errorf("a bad token: %v", err)
	}

	if err := run.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := run.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}
