# Written by `make domains` from services/*/domain.toml; don't change it here.
variable "DOMAINS" {
  default = [
    {
      package   = "ad_detection"
      name      = "ad-detection"
      title     = "ad detection"
      server    = "Answers whether a frame of television is of an advertisement"
      trainer   = "Trains how advertisements are told from programmes, and publishes it"
      faces     = "yes"
      landmarks = ""
      beside    = ""
      licences  = "Apache-2.0"
    },
    {
      package   = "baby_monitor"
      name      = "baby-monitor"
      title     = "baby monitor"
      server    = "Answers whether a baby cries, and which reason a parent would likely give"
      trainer   = "Trains what the reasons for cries sound like, and publishes it"
      faces     = ""
      landmarks = ""
      beside    = ""
      licences  = "Apache-2.0"
    },
    {
      package   = "emotion"
      name      = "emotion"
      title     = "emotion"
      server    = "Answers which expression a face shows, and how stressed somebody seems"
      trainer   = "Trains what faces and bodies show, and publishes it"
      faces     = ""
      landmarks = "yes"
      beside    = ""
      licences  = "Apache-2.0"
    },
    {
      package   = "footprints"
      name      = "footprints"
      title     = "footprints"
      server    = "Answers where prints are, and which animal left them"
      trainer   = "Trains where prints are and which animal left them, and publishes it"
      faces     = "yes"
      landmarks = ""
      beside    = "detector"
      licences  = "Apache-2.0 AND AGPL-3.0-only"
    },
    {
      package   = "home_security"
      name      = "home-security"
      title     = "home security"
      server    = "Answers what is to be heard in a house, and who stands before its door"
      trainer   = "Trains what is to be heard in a house and how faces are told apart, and publishes it"
      faces     = ""
      landmarks = "yes"
      beside    = ""
      licences  = "Apache-2.0"
    },
  ]
}
