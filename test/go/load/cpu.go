package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Linux counts CPU time in hundredths of a second here, on every architecture.
const ticksPerSecond = 100

// CPU time of a process and all its threads, from /proc/PID/stat; 0 where there is none.
func cpuSeconds(pid int) float64 {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The command's name, in parentheses, may hold spaces: count the fields after it.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / ticksPerSecond
}
