package redisbus

// Channels returns the number of channels of namespaces and rooms that the Bus hears.
func (b *Bus) Channels() int { return len(b.table.all()) }
