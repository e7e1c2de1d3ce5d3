package redistest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// admin is the user of the connections of this package.
const admin = "redistest"

// An ErrorReply is an error that Redis has answered with, for example "NOPERM ...".
type ErrorReply string

func (e ErrorReply) Error() string { return string(e) }

// A conn is a connection to Redis that speaks RESP2. It shares no code with the client library
// under test.
type conn struct {
	net.Conn
	r *bufio.Reader
}

// dial connects as the user admin.
func dial(addr string) (*conn, error) {
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	rc := &conn{c, bufio.NewReader(c)}
	if _, err := rc.do("AUTH", admin, "any"); err != nil {
		_ = c.Close()
		return nil, err
	}
	return rc, nil
}

// do sends a command and reads its reply.
func (c *conn) do(args ...string) (any, error) {
	_ = c.SetDeadline(time.Now().Add(patience))
	if err := c.send(args); err != nil {
		return nil, err
	}
	return c.reply()
}

func (c *conn) send(args []string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	_, err := io.WriteString(c, b.String())
	return err
}

// reply reads a value: a string, an int, a []any or nil. An error of Redis is an ErrorReply, as
// the error, or as an element of a []any.
func (c *conn) reply() (any, error) {
	line, err := c.r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	line = strings.TrimSuffix(line, "\r\n")
	if line == "" {
		return nil, errors.New("redistest: empty reply")
	}
	rest := line[1:]
	switch line[0] {
	case '+':
		return rest, nil
	case '-':
		return nil, ErrorReply(rest)
	case ':':
		return strconv.Atoi(rest)
	}
	n, err := strconv.Atoi(rest)
	switch {
	case err != nil:
		return nil, fmt.Errorf("redistest: reply %q", line)
	case n < 0:
		return nil, nil
	case line[0] == '$':
		text := make([]byte, n+2)
		if _, err := io.ReadFull(c.r, text); err != nil {
			return nil, err
		}
		return string(text[:n]), nil
	case line[0] == '*':
		return c.array(n)
	}
	return nil, fmt.Errorf("redistest: reply %q", line)
}

func (c *conn) array(n int) (any, error) {
	list := make([]any, n)
	for i := range list {
		v, err := c.reply()
		var refused ErrorReply
		if errors.As(err, &refused) {
			v, err = refused, nil
		}
		if err != nil {
			return nil, err
		}
		list[i] = v
	}
	return list, nil
}
