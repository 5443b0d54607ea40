/*M!999999\- enable the sandbox mode */ 
-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: localhost    Database: newapi
-- ------------------------------------------------------
-- Server version	10.11.19-MariaDB-0+deb12u1

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET @OLD_CHARACTER_SET_RESULTS=@@CHARACTER_SET_RESULTS */;
/*!40101 SET @OLD_COLLATION_CONNECTION=@@COLLATION_CONNECTION */;
/*!40101 SET NAMES utf8mb4 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;

--
-- Table structure for table `logs`
--

DROP TABLE IF EXISTS `logs`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `logs` (
  `id` bigint(20) NOT NULL,
  `user_id` bigint(20) DEFAULT NULL,
  `created_at` bigint(20) DEFAULT NULL,
  `type` bigint(20) DEFAULT NULL,
  `content` longtext DEFAULT NULL,
  `username` longtext DEFAULT NULL,
  `token_name` longtext DEFAULT NULL,
  `model_name` longtext DEFAULT NULL,
  `quota` bigint(20) DEFAULT NULL,
  `prompt_tokens` bigint(20) DEFAULT NULL,
  `completion_tokens` bigint(20) DEFAULT NULL,
  `use_time` bigint(20) DEFAULT NULL,
  `is_stream` tinyint(1) DEFAULT NULL,
  `channel_id` bigint(20) DEFAULT NULL,
  `token_id` bigint(20) DEFAULT NULL,
  `group` longtext DEFAULT NULL,
  `ip` longtext DEFAULT NULL,
  `request_id` longtext DEFAULT NULL,
  `other` longtext DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `idx_created_at_type` (`created_at`,`type`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `logs`
--

LOCK TABLES `logs` WRITE;
/*!40000 ALTER TABLE `logs` DISABLE KEYS */;
INSERT INTO `logs` VALUES
(1,1,1768809600,2,'','alice','laptop','gpt-4o',1500,120,30,2,1,3,7,'default','','20260119080000000001','{\"model_ratio\": 1.25, \"cache_tokens\": 100, \"cache_ratio\": 0.5, \"frt\": 500, \"request_path\": \"/v1/chat/completions\", \"admin_info\": {\"use_channel\": [\"3\"]}}'),
(2,1,1768809610,2,'line 1\nline 2	tab\n\\N \'quoted\'); DROP','bob','it\'s \"bob\"; \\ 中文','claude-sonnet-4-5',900,6,20,2,0,3,7,'team-b','','','{\"claude\": true, \"usage_semantic\": \"anthropic\", \"cache_tokens\": 800, \"cache_creation_tokens\": 50, \"cache_creation_tokens_5m\": 10, \"cache_creation_tokens_1h\": 40}'),
(3,1,1768809620,5,'status_code=429, rate limited','alice','laptop','gpt-4o-mini',0,0,0,2,1,3,7,'default','','','{\"error_type\": \"openai_error\", \"error_code\": \"rate_limit_exceeded\", \"status_code\": 429, \"channel_id\": 3}'),
(4,1,1768809630,1,'充值 500000','alice','','',0,0,0,2,1,3,0,'default','','',''),
(5,1,1768809640,3,'管理员','alice','laptop','',0,0,0,2,1,3,7,'default','','',''),
(6,1,1768809650,2,'','alice','laptop','alias',1500,120,30,2,1,3,7,'default','','r6','{\"upstream_model_name\": \"deepseek-chat\", \"is_model_mapped\": true, \"input_tokens_total\": 120, \"cache_tokens\": 20}'),
(7,1,1768809660,2,'','alice','laptop','gpt-4o',0,10,5,2,1,3,7,'default','','',''),
(8,1,1768809660,2,'','alice','laptop','gpt-4o',0,10,5,2,1,3,7,'default','','',''),
(9,1,1768809680,6,'退款','alice','laptop','gpt-4o',-100,0,0,2,1,3,7,'default','','','');
/*!40000 ALTER TABLE `logs` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `other`
--

DROP TABLE IF EXISTS `other`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `other` (
  `id` bigint(20) DEFAULT NULL,
  `model_name` longtext DEFAULT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `other`
--

LOCK TABLES `other` WRITE;
/*!40000 ALTER TABLE `other` DISABLE KEYS */;
INSERT INTO `other` VALUES
(1,'not a call; \');');
/*!40000 ALTER TABLE `other` ENABLE KEYS */;
UNLOCK TABLES;
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;

/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;
/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
/*!40101 SET CHARACTER_SET_RESULTS=@OLD_CHARACTER_SET_RESULTS */;
/*!40101 SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;

-- Dump completed on 2026-11-29 22:31:37
