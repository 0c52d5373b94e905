// Package flow carries the files of MLflow's runs, models and traces in and out: nothing unscanned becomes visible, nothing unjudged goes out.
//
// Start with [PutArtifact] and [GetArtifact]: each function is the Flow of some lines of MLflow's table. [Deployable] says whether a version may
// move to where it is served. The intake does the work; what is here knows where MLflow keeps files and how its clients send and fetch them.
package flow
