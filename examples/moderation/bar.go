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

// bar is a progress bar on a terminal. The zero value shows nothing.
type bar struct {
	name string
	bar  *progressbar.ProgressBar
}

// newBar shows a bar if standard error is a terminal, unless the command writes data to a terminal too: the two would mix.
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
	_ = b.bar.Set(p.Done + p.Failed) // fails if the file has grown since it was counted
	b.bar.Describe(text)
}

// clear removes the bar, so that the summary can be printed in its place.
func (b *bar) clear() {
	if b.bar != nil {
		_ = b.bar.Clear()
	}
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
