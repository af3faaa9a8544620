packer {
  required_version = ">= 1.7.0"
  required_plugins {
    scaleway = {
      version = ">= 1.5.0"
      source  = "github.com/scaleway/scaleway"
    }
  }
}
