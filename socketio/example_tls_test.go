package socketio_test

import (
	"context"
	"crypto/tls"
	"log"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"socketiojwt/socketio"
)

// ExampleNewHTTPServer_tls serves HTTPS without a proxy, and reads the certificate again at SIGHUP.
// Pages come by HTTP/2. Browsers open WebSockets by HTTP/1.1 beside it.
func ExampleNewHTTPServer_tls() {
	srv, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		log.Fatal(err)
	}
	srv.Open() // or srv.Use(gate.Handshake)
	sockets, err := srv.Handler()
	if err != nil {
		log.Fatal(err)
	}
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
	go func() { log.Print(web.ListenAndServeTLS("", "")) }()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	<-ctx.Done()
	_ = srv.Shutdown(context.Background()) // first the sockets
	_ = web.Shutdown(context.Background())
}
