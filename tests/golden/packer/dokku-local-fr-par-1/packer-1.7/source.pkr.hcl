variable "source_image" {
  type        = string
  description = "The image to begin with: an id of this zone, or a label of Scaleway's marketplace."
  default     = "00000000-0000-4000-8000-000000000001"
}

variable "private_key" {
  type        = string
  description = "The key of this bake alone; the step seal takes its public half out of the image again."
}

variable "user_data" {
  type        = string
  description = "The cloud-config that lets this key in."
}

variable "manifest_file" {
  type        = string
  description = "Where Packer notes the new image's id."
}

# Credentials come from the environment: SCW_ACCESS_KEY, SCW_SECRET_KEY and SCW_DEFAULT_PROJECT_ID.
source "scaleway" "image" {
  zone            = "fr-par-1"
  image           = var.source_image
  commercial_type = "DEV1-S"
  image_name      = "dokku-bakery/dokku/20260110-0415-0123456789ab/amd64"
  server_name     = "bake-dokku-20260110-0415-0123456789ab"
  boottype        = "local"
  remove_volume   = true

  root_volume {
    type          = "l_ssd"
    size_in_gb    = 43
    snapshot_name = "dokku-bakery/dokku/20260110-0415-0123456789ab/amd64"
  }

  cleanup_machine_related_data = "true"

  # A snapshot takes as long as it takes; giving up early would throw a whole bake away.
  snapshot_creation_timeout = "2h"
  image_creation_timeout    = "2h"

  user_data = {
    "cloud-init" = file(var.user_data)
  }

  tags = ["Name=dokku 20260110-0415-0123456789ab", "bakery:image=dokku"]

  server_tags = ["Name=bake dokku", "bakery:run=20260110-0415-0123456789ab"]

  ssh_port             = 22
  ssh_username         = "root"
  ssh_private_key_file = var.private_key
  ssh_timeout          = "30m"

  # A machine may accept connections before cloud-init has brought the key: every such attempt counts.
  ssh_handshake_attempts = 1000
}
