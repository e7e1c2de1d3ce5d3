package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"socketiojwt/bench/load"
)

// redisServer is the Redis of the rows with clusters. All runs use the same one, which is emptied before each.
type redisServer struct {
	*server
	port int
}

// startRedis starts a redis-server without persistence on a free loopback port, on the core of the load.
func startRedis(ctx context.Context, dir string) (*redisServer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	c := pinned(ctx, generatorCore, "redis-server", "--port", strconv.Itoa(port), "--bind", "127.0.0.1",
		"--save", "", "--appendonly", "no", "--dir", dir, "--loglevel", "warning")
	log := new(tail)
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		cancel()
		return nil, err
	}
	s := &server{pid: c.Process.Pid, address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), log: log, ended: make(chan struct{})}
	go func() {
		s.state = c.Wait()
		close(s.ended)
	}()
	s.stop = func() {
		cancel()
		<-s.ended
	}
	r := &redisServer{s, port}
	for deadline := time.Now().Add(startTime); ; time.Sleep(20 * time.Millisecond) {
		if err = r.flush(); err == nil {
			return r, nil
		}
		if time.Now().After(deadline) || errors.Is(ctx.Err(), context.Canceled) {
			s.stop()
			return nil, fmt.Errorf("redis-server did not start: %w: %s", err, log)
		}
	}
}

// flush removes all keys.
func (r *redisServer) flush() error {
	c, err := net.DialTimeout("tcp", r.address, time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Write([]byte("FLUSHALL\r\n")); err != nil {
		return err
	}
	answer := make([]byte, 5)
	if _, err := c.Read(answer); err != nil {
		return err
	}
	if string(answer[:3]) != "+OK" {
		return fmt.Errorf("FLUSHALL: %q", answer)
	}
	return nil
}

// runCluster starts fresh nodes, puts the load on them, and ends them. The node that is measured has a core of its own.
func (w *workshop) runCluster(ctx context.Context, s setup, cpuProfile, memoryProfile string) (r load.Result, err error) {
	if w.redis == nil {
		if w.redis, err = startRedis(ctx, w.dir); err != nil {
			return r, err
		}
	}
	if err := w.redis.flush(); err != nil {
		return r, err
	}
	c := s.load
	c.Cluster.Redis, c.Cluster.RedisPID = w.redis.address, w.redis.pid
	c.Tokens = w.tokens(s.alg)
	c.CPUProfile, c.MemoryProfile = cpuProfile, memoryProfile
	var nodes []*server
	for i := range c.Cluster.Used {
		core := generatorCore
		if i == c.Cluster.Measured {
			core = serverCore
		}
		argv, env, dir := w.node(s, memoryProfile != "" && i == c.Cluster.Measured)
		node, err := startServer(ctx, core, argv, env, dir)
		if err != nil {
			return r, err
		}
		defer node.stop()
		nodes = append(nodes, node)
		c.Cluster.Nodes[i] = load.Node{Address: node.address, Commands: node.debug, PID: node.pid}
	}
	if r, err = generate(ctx, generatorCore, c); err != nil {
		err = fmt.Errorf("%s: %w", s.name, err)
		for i, node := range nodes {
			if explained := node.explain(err); explained.Error() != err.Error() {
				return r, fmt.Errorf("node %d: %w", i+1, explained)
			}
		}
	}
	return r, err
}

// node returns the command line, environment and folder of a node.
func (w *workshop) node(s setup, profileMemory bool) (argv, env []string, dir string) {
	if !s.ours {
		return []string{"node", "node.mjs", s.wire, w.redis.address}, []string{"NODE_ENV=production"}, "peers"
	}
	argv = []string{w.nodeProgram}
	if profileMemory {
		argv = append(argv, "-profile-memory")
	}
	if s.kind == "auth" {
		argv = append(argv, "-gate")
	}
	return append(argv, s.wire, w.redis.address), []string{"GOMAXPROCS=1", "BENCH_SECRET=" + w.secret, "BENCH_ISSUER=" + issuer}, ""
}
