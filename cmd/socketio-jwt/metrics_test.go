package main

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

var metricsAt = regexp.MustCompile(`msg="listening for metrics" addr=(\S+)`)

// fetched returns the body of a response.
func fetched(t *testing.T, url string) (status int, body string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// The metrics are on a listener of their own, and have what the gates, the sockets and the hook
// report.
func TestServeMetrics(t *testing.T) {
	s := start(t, "--metrics", "127.0.0.1:0")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := s.enter(ctx, "/", s.login("xanthippe"))
	if _, err := p.EmitWithAck(ctx, "say", "hello, xenia"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.EmitWithAck(ctx, "whoami"); err != nil { // the handler of say has returned
		t.Fatal(err)
	}
	at := metricsAt.FindStringSubmatch(s.log.String())
	if at == nil {
		t.Fatalf("no address of metrics in the log:\n%s", s.log)
	}
	status, body := fetched(t, "http://"+at[1]+"/metrics")
	for _, line := range []string{
		`socketiojwt_sockets{namespace="/",state="admitted"} 1`,
		`socketiojwt_handler_duration_seconds_count{event="say",namespace="/",result="ok"} 1`,
		`socketiojwt_verification_duration_seconds_count{algorithm="HS256",result="ok",signature="none"} 1`,
		`socketiojwt_connect_duration_seconds_count{mode="handshake",namespace="/",result="ok"} 1`,
		`socketiojwt_broadcast_duration_seconds_count{namespace="/",result="ok"} 1`,
		"go_goroutines ",
	} {
		if status != http.StatusOK || !strings.Contains(body, "\n"+line) {
			t.Errorf("status %d, no line %s", status, line)
		}
	}
	if !regexp.MustCompile(`\nsocketiojwt_gate_sockets\{gate="[^"]+",state="leased"\} 1\n`).MatchString(body) {
		t.Error("no gate has a leased socket")
	}
	if strings.Contains(body, "xanthippe") || strings.Contains(body, "xenia") {
		t.Error("the metrics have a subject or a text")
	}
	if _, body := fetched(t, s.url+"/metrics"); strings.Contains(body, "socketiojwt_") {
		t.Error("the main listener serves the metrics")
	}
}

// Without the flag nothing measures.
func TestServeWithoutMetrics(t *testing.T) {
	s := start(t)
	if strings.Contains(s.log.String(), "metrics") {
		t.Errorf("there is a listener for metrics:\n%s", s.log)
	}
}

func TestMetricsNeedAnAddress(t *testing.T) {
	out, log := new(output), new(output)
	if code := run(t.Context(), []string{"serve", "--metrics", "9002"}, strings.NewReader(""), out, log); code == exitGood || !strings.Contains(log.String(), "--metrics must be HOST:PORT") {
		t.Errorf("exit %d: %s", code, log)
	}
}
