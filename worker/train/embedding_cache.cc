#include "worker/train/embedding_cache.h"

#include <algorithm>

namespace keel {
namespace {

// Of the map: after growing it has up to 2.3 slots for each vector, and half as
// many more while it copies itself; each has a control byte.
constexpr int64_t kPlaceBytes =
    4 * (sizeof(std::pair<EmbeddingKey, int64_t>) + 1);

int64_t BytesOf(int64_t width) {
  return width * static_cast<int64_t>(sizeof(float)) + kPlaceBytes;
}

}  // namespace

EmbeddingCache::EmbeddingCache(int64_t width, int64_t capacity_bytes)
    : width_(width), capacity_(capacity_bytes / BytesOf(width)) {}

const float* EmbeddingCache::At(int64_t place) const {
  return blocks_[place / kBlock].data() + place % kBlock * width_;
}

const float* EmbeddingCache::Find(const EmbeddingKey& key) const {
  const auto it = places_.find(key);
  return it == places_.end() ? nullptr : At(it->second);
}

void EmbeddingCache::Insert(const EmbeddingKey& key, const float* vector) {
  if (size() >= capacity_ || !places_.try_emplace(key, size()).second) return;
  if (size() > static_cast<int64_t>(blocks_.size()) * kBlock) {
    blocks_.emplace_back().reserve(std::min(kBlock, capacity_ - size() + 1) *
                                   width_);
  }
  blocks_.back().insert(blocks_.back().end(), vector, vector + width_);
}

}  // namespace keel
