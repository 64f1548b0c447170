package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/f0207b22/rcuser"
)

// bar shows progress on a terminal; the zero value shows nothing.
type bar struct {
	name string
	bar  *progressbar.ProgressBar
}

// newBar makes a bar if standard error is a terminal that data on standard output doesn't go to as well.
func newBar(cmd *cobra.Command, name string, count int, hasData bool) *bar {
	if !isTerminal(cmd.ErrOrStderr()) || hasData && isTerminal(cmd.OutOrStdout()) {
		return &bar{}
	}
	return &bar{name, progressbar.NewOptions(count,
		progressbar.OptionSetWriter(cmd.ErrOrStderr()),
		progressbar.OptionSetDescription(name),
		progressbar.OptionSetWidth(30),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionThrottle(200*time.Millisecond),
		progressbar.OptionSetRenderBlankState(true),
	)}
}

func (b *bar) show(p rcuser.BulkProgress) {
	if b.bar == nil {
		return
	}
	text := fmt.Sprintf("%s, %.0f/s", b.name, p.Rate)
	if p.Left > 0 {
		text += fmt.Sprintf(", %s left", p.Left.Round(time.Second))
	}
	if p.Failed > 0 {
		text += fmt.Sprintf(", %d failed", p.Failed)
	}
	_ = b.bar.Set(p.Done + p.Failed) // an error is a file that grew since it was counted
	b.bar.Describe(text)
}

// end takes the bar away; the report follows.
func (b *bar) end() {
	if b.bar != nil {
		_ = b.bar.Clear()
	}
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
