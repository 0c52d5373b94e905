package weir

import "time"

// Limits bound the work on one physical file, nested members included. Zero means "no limit" nowhere: use [DefaultLimits].
type Limits struct {
	Time     time.Duration // wall time per file
	Memory   int64         // bytes that a worker may hold
	Depth    int           // containers within containers
	Members  int           // archive entries per file, all levels together
	Expanded int64         // bytes inflated per file, all levels together
	Ratio    int64         // inflated over packed, once more than 16 MiB came out
	Steps    int64         // steps of an interpreter or loop in memory, per parse
	Facts    int           // facts kept per parse; repeats are counted, not kept
}

// DefaultLimits are those of the design: enough for every real model that we know.
func DefaultLimits() Limits {
	return Limits{
		Time:     60 * time.Second,
		Memory:   256 << 20,
		Depth:    16,
		Members:  100_000,
		Expanded: 16 << 30,
		Ratio:    200,
		Steps:    2_000_000_000,
		Facts:    20_000,
	}
}
