//go:build unix

package main

import "golang.org/x/sys/unix"

// inForeground reports whether the program may read from the terminal.
func inForeground(terminal int) bool {
	group, err := unix.IoctlGetInt(terminal, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}
