package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"socketiojwt/internal/display"
	"socketiojwt/internal/doctor"
)

// tlsFiles are the flags of TLS without a proxy.
type tlsFiles struct {
	TLSCert string `name:"tls-cert" reload:"" env:"SOCKETIO_JWT_TLS_CERT" group:"TLS" placeholder:"FILE" help:"Certificate of this server as PEM, followed by the intermediate ones: serve then speaks HTTPS, and HTTP/2 for pages. Read again at SIGHUP."`
	TLSKey  string `name:"tls-key" reload:"" env:"SOCKETIO_JWT_TLS_KEY" group:"TLS" placeholder:"FILE" help:"Private key of --tls-cert as PEM, without a password. Read again at SIGHUP."`
}

// enabled reports whether the server speaks TLS.
func (f *tlsFiles) enabled() bool { return f.TLSCert != "" || f.TLSKey != "" }

// pair reads the files.
func (f *tlsFiles) pair() (*tls.Certificate, error) {
	switch {
	case f.TLSCert == "":
		return nil, errors.New("--tls-key needs --tls-cert")
	case f.TLSKey == "":
		return nil, errors.New("--tls-cert needs --tls-key")
	}
	pair, err := tls.LoadX509KeyPair(f.TLSCert, f.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert and --tls-key: %w", err)
	}
	return &pair, nil
}

// check implements part.
func (f *tlsFiles) check(*serveCommand) error {
	if !f.enabled() {
		return nil
	}
	_, err := f.pair()
	return err
}

// start implements part. With an expired certificate the server starts, because some clients may
// accept it, and logs that.
func (f *tlsFiles) start(_ context.Context, a *assembly) error {
	a.reloading("--tls-cert", a.reloadCertificate)
	if !f.enabled() {
		return nil
	}
	pair, err := f.pair()
	if err != nil {
		return err
	}
	a.certificate = newCertificate(pair, a.log)
	a.closing(a.certificate.close)
	a.tls = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: a.certificate.get}
	return nil
}

// reloadCertificate reads the files again. A certificate that has expired does not replace another.
func (a *assembly) reloadCertificate(_ context.Context, next *serveCommand) (apply func(), err error) {
	if next.tlsFiles.enabled() != (a.certificate != nil) {
		return nil, errors.New("--tls-cert and --tls-key cannot be added or removed without a restart")
	}
	if a.certificate == nil {
		return nil, nil
	}
	pair, err := next.tlsFiles.pair()
	if err == nil {
		err = currentAt(time.Now(), pair.Leaf)
	}
	if err != nil {
		return nil, err
	}
	return a.certificate.replacement(pair), nil
}

// currentAt returns an error if a certificate has expired or is not valid yet.
func currentAt(now time.Time, leaf *x509.Certificate) error {
	switch {
	case now.After(leaf.NotAfter):
		return fmt.Errorf("--tls-cert: the certificate has expired, %s", display.Distance(leaf.NotAfter, now))
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("--tls-cert: the certificate is not valid yet, but %s", display.Distance(leaf.NotBefore, now))
	}
	return nil
}

// certificate is the certificate that new connections get. Its methods may be called concurrently.
type certificate struct {
	log *slog.Logger

	mu       sync.Mutex
	pair     *tls.Certificate
	reminder *time.Timer // logs that the certificate must be replaced
	closed   bool
}

// newCertificate returns a certificate, which the caller must close.
func newCertificate(pair *tls.Certificate, log *slog.Logger) *certificate {
	c := &certificate{log: log}
	c.set(pair)
	return c
}

// get implements tls.Config.GetCertificate.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pair, nil
}

// expires returns when the certificate expires.
func (c *certificate) expires() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pair.Leaf.NotAfter
}

// replacement returns a function that replaces the certificate, or nil if it is the same.
func (c *certificate) replacement(pair *tls.Certificate) func() {
	if current, _ := c.get(nil); slices.EqualFunc(current.Certificate, pair.Certificate, bytes.Equal) {
		return nil
	}
	return func() {
		c.log.Info("certificate replaced: new connections get it", "expires", pair.Leaf.NotAfter)
		c.set(pair)
	}
}

// reminderEvery is how often a certificate that must be replaced is logged.
const reminderEvery = 24 * time.Hour

// set replaces the certificate, and schedules the reminder.
func (c *certificate) set(pair *tls.Certificate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pair = pair
	if c.reminder != nil {
		c.reminder.Stop()
	}
	c.reminder = time.AfterFunc(time.Until(doctor.RenewBefore(pair.Leaf)), func() { c.remind(pair) })
}

// remind logs that pair must be replaced, once a day.
func (c *certificate) remind(pair *tls.Certificate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.pair != pair {
		return
	}
	const advice = "put a new certificate into the files of --tls-cert and --tls-key, and send SIGHUP"
	expires, again := pair.Leaf.NotAfter, reminderEvery
	if left := time.Until(expires); left < 0 {
		c.log.Error("certificate has expired: clients refuse to connect", "expired", expires, "fix", advice)
	} else {
		c.log.Warn("certificate expires soon", "expires", expires, "fix", advice)
		again = min(again, left+time.Second)
	}
	c.reminder.Reset(again)
}

// close stops the reminder.
func (c *certificate) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reminder.Stop()
	c.closed = true
}
