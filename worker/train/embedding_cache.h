// Embedding vectors by a 128-bit key, in memory, bounded; free of LibTorch.
#ifndef KEEL_WORKER_TRAIN_EMBEDDING_CACHE_H_
#define KEEL_WORKER_TRAIN_EMBEDDING_CACHE_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace keel {

// Two halves of a digest, or an ordinal and zero.
using EmbeddingKey = std::pair<uint64_t, uint64_t>;

// Filled on first touch; once full it takes no more (what it holds is as good
// as what it would hold instead: every sample comes once an epoch). Not
// thread-safe.
class EmbeddingCache {
 public:
  // Vectors have `width` floats; with what it takes to find them they use at
  // most `capacity_bytes`.
  EmbeddingCache(int64_t width, int64_t capacity_bytes);

  // The vector, valid as long as the cache; null if it is not there.
  const float* Find(const EmbeddingKey& key) const;
  void Insert(const EmbeddingKey& key, const float* vector);
  int64_t size() const { return static_cast<int64_t>(places_.size()); }

 private:
  // Vectors that are allocated at once.
  static constexpr int64_t kBlock = 64;

  const float* At(int64_t place) const;

  const int64_t width_;
  const int64_t capacity_;  // vectors
  absl::flat_hash_map<EmbeddingKey, int64_t> places_;
  // A block stays where it is, so that growing needs no second copy.
  std::vector<std::vector<float>> blocks_;
};

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_EMBEDDING_CACHE_H_
