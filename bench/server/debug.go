package main

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	_ "net/http/pprof" // registers with http.DefaultServeMux, which only the debug endpoint serves
	"runtime"
	"runtime/pprof"

	"socketiojwt/bench/load"
)

// listenDebug serves /debug/pprof/, /profile/start, /profile/stop and /memory on a loopback port of its own, and returns its address.
func listenDebug() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	var profile bytes.Buffer // the generator asks one thing at a time
	http.HandleFunc("/profile/start", func(w http.ResponseWriter, _ *http.Request) {
		profile.Reset()
		if err := pprof.StartCPUProfile(&profile); err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
		}
	})
	http.HandleFunc("/profile/stop", func(w http.ResponseWriter, _ *http.Request) {
		pprof.StopCPUProfile()
		_, _ = w.Write(profile.Bytes())
	})
	http.HandleFunc("/memory", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(memory()) })
	go func() { _ = http.Serve(listener, nil) }() // for as long as the process
	return listener.Addr().String(), nil
}

// memory says what is alive. It takes two collections, since what a sync.Pool holds survives the first.
func memory() load.Memory {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return load.Memory{
		HeapAlloc: m.HeapAlloc, HeapInuse: m.HeapInuse, HeapObjects: m.HeapObjects,
		StackInuse: m.StackInuse, Goroutines: runtime.NumGoroutine(),
	}
}
