// Tools of the worker's command line; free of LibTorch's headers.
#ifndef KEEL_WORKER_TRAIN_TOOLS_H_
#define KEEL_WORKER_TRAIN_TOOLS_H_

#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace keel {

struct EmbedOptions {
  // A checkpoint's folder.
  std::string checkpoint;
  // A WebDataset shard.
  std::string shard;
  // A .safetensors file that is written: `image` and `text`, [N, D] float32 of
  // unit length, in tar order; metadata `keys`, a JSON list.
  std::string out;
  int threads = 1;
  std::string device = "auto";
};

// With several captions the first is taken. Samples that a stream would not
// take by its default limits, or that do not decode, are left out: `notes` gets
// a line for each reason. INVALID_ARGUMENT, NOT_FOUND, DATA_LOSS name the file
// at fault.
absl::Status EmbedShard(const EmbedOptions& options, std::ostream& notes);

struct EvalOptions {
  // A checkpoint's folder.
  std::string checkpoint;
  // A WebDataset shard.
  std::string shard;
  // Class names, one a line: zero-shot classification of the shard's images. A
  // sample's label is its first caption, which is a class's name.
  std::string classes;
  // Prompts, one a line, with {} for the name; "a photo of a {}." without.
  std::string templates;
  // A shard of images to train a linear classifier on, labelled likewise
  // (linear_probe.h); it is given embeddings that are not normalised.
  std::string linear_probe;
  // File for the JSON; empty: `out`.
  std::string result;
  int threads = 1;
  std::string device = "auto";
};

// Writes what the checkpoint makes of the shard as JSON: `retrieval` (recall.h;
// every caption is a query), or with classes or linear_probe `zero_shot` and
// `linear_probe` (classification.h). `notes` as in EmbedShard.
// INVALID_ARGUMENT: a class or template list that is no such list, or a sample
// of no class; NOT_FOUND, DATA_LOSS name the file at fault.
absl::Status EvaluateShard(const EvalOptions& options, std::ostream& out,
                           std::ostream& notes);

struct SelftestOptions {
  // Files of inputs and expected results, laid out as those of tests/golden.
  std::vector<std::string> loss_files;
  int threads = 1;
  std::string device = "auto";
};

// Writes the numerics of this machine to `out` as JSON: for each loss file and
// each path ("dense", "tiled") and world (1 to 3 members, whose shares are
// added up in this process, without a collective) the error of loss and
// gradients. INVALID_ARGUMENT: no file was given; FAILED_PRECONDITION: an error
// is above its bound.
absl::Status RunSelftest(const SelftestOptions& options, std::ostream& out);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_TOOLS_H_
