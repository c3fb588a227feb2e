#include "worker/train/embedding_cache.h"

namespace keel {

EmbeddingCache::EmbeddingCache(int64_t width, int64_t capacity_bytes)
    : width_(width),
      capacity_(capacity_bytes /
                (width * static_cast<int64_t>(sizeof(float)))) {}

const float* EmbeddingCache::Find(const EmbeddingKey& key) const {
  const auto it = places_.find(key);
  return it == places_.end() ? nullptr : values_.data() + it->second * width_;
}

void EmbeddingCache::Insert(const EmbeddingKey& key, const float* vector) {
  if (size() >= capacity_ || !places_.try_emplace(key, size()).second) return;
  values_.insert(values_.end(), vector, vector + width_);
}

}  // namespace keel
