package handbook

import (
	"crypto/tls"
	"log"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"socketiojwt/socketio"
)

// WithCertificate returns a server with a certificate that is read again at SIGHUP.
func WithCertificate(sockets http.Handler) *http.Server {
	var current atomic.Pointer[tls.Certificate]
	reload := func() error {
		pair, err := tls.LoadX509KeyPair("chat.example.com.pem", "chat.example.com.key")
		if err == nil {
			current.Store(&pair)
		}
		return err
	}
	if err := reload(); err != nil {
		log.Fatal(err)
	}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for range hangups {
			if err := reload(); err != nil {
				log.Print("the certificate has not changed: ", err)
			}
		}
	}()

	web := socketio.NewHTTPServer(":443", sockets)
	web.TLSConfig = &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return current.Load(), nil },
	}
	return web
}
