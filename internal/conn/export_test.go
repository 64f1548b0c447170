package conn

// Overdue reports whether the deadline ended the use: RoundTrip, or reading the answer's body, failed because of it.
func (u *Conn) Overdue() bool {
	u.conn.pool.mu.Lock()
	defer u.conn.pool.mu.Unlock()
	return u.overdue
}
