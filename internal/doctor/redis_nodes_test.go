package doctor

import (
	"log/slog"
	"testing"

	"github.com/redis/rueidis"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
	"socketiojwt/socketio"
)

// startNode runs a server that is joined to others.
func startNode(t *testing.T, addr string, wire redisbus.Wire) {
	t.Helper()
	silent := slog.New(slog.DiscardHandler)
	bus, err := redisbus.New(t.Context(), rueidis.ClientOption{InitAddress: []string{addr}}, redisbus.Options{Wire: wire, Logger: silent})
	if err != nil {
		t.Fatal(err)
	}
	srv, err := socketio.NewServer(socketio.Options{Bus: bus.Join, ClusterKey: []byte(randomSecret), Logger: silent})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	srv.Open()
	if _, err := srv.Handler(); err != nil {
		t.Fatal(err)
	}
}

// The nodes of this module are counted, and told from those of Node and of other wires.
func TestRedisCountsNodes(t *testing.T) {
	for name, wire := range buses {
		t.Run(name, func(t *testing.T) {
			addrs := []string{redistest.Start(t).Addr()}
			if wire == redisbus.Sharded {
				addrs = append(addrs, redistest.StartCluster(t).Masters[1].Addr())
			}
			for _, addr := range addrs {
				startNode(t, addr, wire)
				startNode(t, addr, wire)
				r := redisFindings(examine(t, with(secret(randomSecret), usingRedis(t, "redis://"+addr, name))))
				r.has(t, OK, "2 servers of the "+name+" wire", "2 of them of this module")
			}
		})
	}
	t.Run("two wires", func(t *testing.T) {
		s := redistest.Start(t)
		startNode(t, s.Addr(), redisbus.Classic)
		startNode(t, s.Addr(), redisbus.Sharded)
		aboutRedis(t, s, Classic).has(t, Warn, "1 server of the sharded wire")
		aboutRedis(t, s, Sharded).has(t, Warn, "1 server of another wire")
	})
}
